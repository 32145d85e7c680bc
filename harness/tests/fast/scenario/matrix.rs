//! `[matrix]`: its cells, its mistakes, and its budget.

use super::*;
use harness::measure::CellValue;
use harness::measure::trial::Build;

/// The inline form of two keys.
const TWO: &str =
    "matrix = { \"upstream.builtin.body\" = [\"1KiB\", \"4KiB\", \"1MiB\"], \"stage.capacity.vus\" = [1, 8] }\n";

/// Returns [`GOOD`] with keys before its first table.
fn with(matrix: &str) -> String {
    GOOD.replace("name = \"x\"\n", &format!("name = \"x\"\n{matrix}"))
}

fn plan(text: &str, quick: bool) -> Result<Plan, harness::plan::Error> {
    Plan::new(&good(text, &[]), &Options { quick, ..Options::default() })
}

fn names(stages: &[Stage]) -> Vec<&str> {
    stages.iter().map(|stage| stage.name.as_str()).collect()
}

fn body(stage: &Stage) -> u64 {
    match &stage.upstream {
        Some(Upstream::Builtin(builtin)) => builtin.body.0,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_combination_is_a_cell_with_its_values() {
    let scenario = good(&with(TWO), &[]);
    let expected = [
        "overhead",
        "capacity-1KiB-1vus",
        "capacity-1KiB-8vus",
        "capacity-4KiB-1vus",
        "capacity-4KiB-8vus",
        "capacity-1MiB-1vus",
        "capacity-1MiB-8vus",
    ];
    assert_eq!(names(&scenario.stages), expected);
    let vus = |stage: &Stage| load(&stage.work).pace;
    let found: Vec<(u64, Pace)> = scenario.stages[1..].iter().map(|stage| (body(stage), vus(stage))).collect();
    let of = |body: u64| [1, 8].map(|vus| (body, Pace::Closed { vus }));
    assert_eq!(found, [of(1 << 10), of(4 << 10), of(1 << 20)].concat());
    let cell = scenario.matrix.cell("capacity-4KiB-8vus").unwrap();
    let value = |key: &str, value: &str| CellValue { key: key.to_owned(), value: value.to_owned() };
    assert_eq!(cell.facts.stage, "capacity");
    assert_eq!(cell.facts.values, [value("upstream.builtin.body", "4KiB"), value("stage.capacity.vus", "8")]);
    assert_eq!(scenario.matrix.stage_of("overhead"), "overhead");
    let load = load(&scenario.stages[1].work);
    assert_eq!((load.instances, load.rounds), (5, 10), "each instance is one value");
}

#[test]
fn a_matrix_without_keys_of_a_stage_varies_every_stage_with_rounds() {
    let text = with("[matrix.request]\npath = [\"/a\", \"/b\"]\n")
        .replace("[stage.overhead]", "[stage.startup]\n[stage.overhead]");
    let scenario = good(&text, &[]);
    assert_eq!(names(&scenario.stages), ["startup", "overhead-a", "overhead-b", "capacity-a", "capacity-b"]);
    let paths: Vec<&str> = scenario.stages[1..].iter().map(|stage| stage.requests[0].path.as_str()).collect();
    assert_eq!(paths, ["/a", "/b", "/a", "/b"]);
    assert_eq!(load(&scenario.stages[1].work).instances, 10, "as many as without a matrix");
}

#[test]
fn the_delay_of_a_path_can_vary() {
    let scenario = good(&with("[matrix.network.client]\ndelay = [\"1ms\", \"20ms\"]\n"), &[]);
    assert_eq!(names(&scenario.stages), ["overhead-1ms", "overhead-20ms", "capacity-1ms", "capacity-20ms"]);
    let delays: Vec<u64> = scenario.stages.iter().map(|stage| stage.network.client.unwrap().delay_ns.0).collect();
    assert_eq!(delays, [1_000_000, 20_000_000, 1_000_000, 20_000_000]);
}

#[test]
fn values_of_several_keys_vary_together_and_the_target_with_them() {
    let wires = r#"
[matrix]
wire = [
    { "generator.wire" = "h1" },
    { name = "secure", "generator.wire" = "tls", "target.endpoints.proxy" = "https://127.0.0.1:{port.proxy}",
      "upstream.builtin.tls" = true },
]
"#;
    let scenario = good(&format!("{GOOD}{wires}"), &[]);
    assert_eq!(names(&scenario.stages), ["overhead-h1", "overhead-secure", "capacity-h1", "capacity-secure"]);
    let plan = Plan::new(&scenario, &Options::default()).unwrap();
    let proxy = |stage: &str| plan.target_in(stage, Build::Head).endpoints.proxy.as_str();
    assert_eq!(proxy("overhead-secure"), "https://127.0.0.1:{port.proxy}");
    assert_eq!(proxy("overhead-h1"), "http://127.0.0.1:{port.proxy}");
    let words: Vec<_> = plan.stages.iter().map(|stage| stage.wire.map(|wire| wire.word())).collect();
    assert_eq!(words, [Some("h1"), Some("tls"), Some("h1"), Some("tls")]);
    assert_eq!(names(&good(&with("matrix = { wire = [\"h1\", \"h2c\"] }\n"), &[]).stages)[1], "overhead-h2c");
}

#[test]
fn the_ids_of_cells_are_claims_and_gates_and_select_stages() {
    let claims = r#"
[targets]
"throughput/rps_8vu@capacity-4KiB-8vus" = { limit = "> 100/s" }
[gate."latency/capacity_p50@capacity-1KiB-1vus"]
alert = { change = "+7%" }
"#;
    let scenario = good(&format!("{}{claims}", with(TWO)), &[]);
    assert_eq!(scenario.claims.len(), 1);
    assert_eq!(scenario::claims(&scenario.facts.text, &[]).len(), 1, "a stored run is judged again");
    let wrong = mistakes(&format!("{}{}", with(TWO), claims.replace("rps_8vu", "rps_9vu")), &[]);
    assert!(wrong.len() == 1 && wrong[0].contains("did you mean throughput/rps_8vu@capacity-4KiB-8vus?"), "{wrong:#?}");
    let select = |name: &str| {
        let options = Options { stages: vec![name.to_owned()], ..Options::default() };
        Plan::new(&scenario, &options).map(|plan| plan.stages.len())
    };
    assert_eq!((select("capacity").unwrap(), select("capacity-1KiB-8vus").unwrap()), (6, 1));
    let error = select("capacities").unwrap_err().to_string();
    assert!(error.contains("did you mean capacity?"), "{error}");
}

/// The text of a matrix, and the beginning of a mistake in it.
const MISTAKES: &[(&str, &str)] = &[
    ("matrix = {}", "line 3: matrix: varies nothing"),
    ("matrix = { seed = [1, 2] }", "line 3: matrix.seed: is one value for the whole run"),
    ("matrix = { \"audit.steal\" = [\"1%\"] }", "line 3: matrix.audit.steal: is one value for the whole run"),
    (
        "matrix = { \"upstrem.body\" = [1, 2] }",
        "line 3: matrix.upstrem.body: is not a key of a scenario that can vary (did you mean upstream?)",
    ),
    ("matrix = { \"upstream.builtin.body\" = [] }", "line 3: matrix.upstream.builtin.body: has no value"),
    (
        "matrix = { \"upstream.builtin.body\" = \"1KiB\" }",
        "line 3: matrix.upstream.builtin.body: must be a list of values, is a string",
    ),
    (
        "matrix = { \"upstream.builtin.body\" = [\"1KiB\", \"1KiB\"] }",
        "line 3: matrix.upstream.builtin.body: has the value 1KiB twice",
    ),
    (
        "matrix = { \"upstream.builtin.body\" = [\"1KiB\", \"4Kib\"] }",
        "line 3: upstream.builtin.body: \"4Kib\" is not a size",
    ),
    (
        "matrix = { \"upstream.builtin.bodi\" = [\"1KiB\"] }",
        "line 3: upstream.builtin.bodi: unknown key (did you mean body?)",
    ),
    ("matrix = { \"stage.capacity.vus\" = [1, 0] }", "line 3: stage.capacity.vus: must be 1 to"),
    ("matrix = { \"stage.capacity.kind\" = [\"capacity\"] }", "line 3: matrix.stage.capacity.kind: cannot vary"),
    (
        "matrix = { \"stage.capacitty.vus\" = [1, 2] }",
        "line 3: matrix.stage.capacitty.vus: there is no stage capacitty (did you mean stage.capacity?)",
    ),
    (
        "matrix = { \"stage.overhead.rate\" = [\"10/s\"], budget = \"0s\" }",
        "line 3: matrix.budget: must be longer than 0",
    ),
    (
        "matrix = { \"stage.capacity.rounds\" = [6, 7], budget = \"9m\" }",
        "line 3: matrix.stage.capacity.rounds: varies stage.capacity.rounds, which the budget decides",
    ),
    ("matrix = { wire = [\"h1\", \"h3\"] }", "line 3: generator.wire: must be one of h1, tls, h2c, h2, is \"h3\""),
    ("matrix = { a = [{ name = \"x\", seed = 3 }] }", "line 3: matrix.a.seed: is one value for the whole run"),
    (
        "matrix = { \"target.process.command\" = [[\"builtin:sidecar\"], [\"other\"]] }",
        "line 3: matrix.target.process.command: changes the program",
    ),
];

#[test]
fn every_mistake_has_its_key_and_its_line() {
    for (matrix, expected) in MISTAKES {
        let found = mistakes(&with(&format!("{matrix}\n")), &[]);
        assert!(found.iter().any(|found| found.starts_with(expected)), "{matrix}: {found:#?}");
        assert!(found.iter().all(|found| found.starts_with("line ")), "{matrix}: {found:#?}");
    }
}

#[test]
fn all_mistakes_of_a_matrix_are_reported_at_once() {
    let text = format!(
        "{GOOD}[matrix]\nbudget = \"5 parsecs\"\nseed = [1]\n\"upstream.builtin.body\" = [\"1KiB\", \"2 parsecs\"]\n\"stage.capacity.vus\" = [1, 0]\n"
    );
    let found = mistakes(&text, &[]);
    let lines: Vec<&str> = found.iter().filter_map(|found| found.split_once(": ")).map(|(line, _)| line).collect();
    assert_eq!(lines, ["line 16", "line 17", "line 18", "line 19"], "{found:#?}");
    let found = mistakes(&text.replace("seed = [1]\n", ""), &[]);
    let lines: Vec<&str> = found.iter().filter_map(|found| found.split_once(": ")).map(|(line, _)| line).collect();
    assert_eq!(lines, ["line 16", "line 17", "line 18"], "{found:#?}");
}

#[test]
fn more_than_64_cells_and_names_that_clash_are_refused() {
    let many = (1..=33).map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    let text =
        with(&format!("matrix = {{ \"stage.capacity.vus\" = [{many}], \"request.path\" = [\"/a\", \"/b\"] }}\n"));
    let found = mistakes(&text, &[]);
    assert!(found.len() == 1 && found[0].starts_with("line 3: matrix: has 66 cells, and at most 64"), "{found:#?}");
    let taken = format!("{}[stage.capacity-1KiB-8vus]\nkind = \"startup\"\n", with(TWO));
    let found = mistakes(&taken, &[]);
    assert!(found.iter().any(|found| found.contains("capacity-1KiB-8vus, which another stage has")), "{found:#?}");
    let external = GOOD.replace("[target.process]\ncommand = [\"builtin:sidecar\", \"--listen\", \"127.0.0.1:{port.proxy}\", \"--admin\", \"127.0.0.1:{port.admin}\"]", "[target.external]\npid = 2")
        .replace("{port.proxy}", "1")
        .replace("{port.admin}", "2");
    let found = mistakes(&external.replace("name = \"x\"\n", &format!("name = \"x\"\n{TWO}")), &[]);
    assert!(found.iter().any(|found| found.contains("cannot restart an external one")), "{found:#?}");
}

/// Returns a matrix of six cells with a budget, whose stage states neither instances nor rounds.
fn budgeted(budget: &str) -> String {
    with(&TWO.replace(" }\n", &format!(", budget = \"{budget}\" }}\n")))
}

#[test]
fn the_budget_decides_instances_and_rounds_and_is_kept() {
    let mut before = (0, 0);
    for seconds in [480, 600, 900, 1800, 7200] {
        let plan = plan(&budgeted(&format!("{seconds}s")), false).unwrap();
        let cells: Vec<&Stage> = plan.stages.iter().filter(|stage| plan.matrix.cell(&stage.name).is_some()).collect();
        let loads: Vec<LoadWork> = cells.iter().map(|stage| load(&stage.work)).collect();
        assert!(loads.iter().all(|load| (load.instances, load.rounds) == (loads[0].instances, loads[0].rounds)));
        let takes = cells.iter().map(|stage| stage.expected_duration()).fold(Nanos::ZERO, Nanos::plus);
        assert!(takes <= Nanos::from_secs(seconds), "{takes} of {seconds} s");
        assert!((5..=10).contains(&loads[0].instances) && loads[0].rounds >= 2 * loads[0].instances, "{:?}", loads[0]);
        let bought = (loads[0].instances, loads[0].rounds);
        assert!(bought >= before, "{seconds} s buy {bought:?}, less than {before:?}");
        before = bought;
    }
    assert_eq!(before.0, 10, "two hours are enough for ten instances");
}

#[test]
fn a_budget_that_is_too_short_is_refused_with_the_time_that_suffices() {
    let error = plan(&budgeted("10s"), false).unwrap_err().to_string();
    let needs = error.split("budget = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    assert!(error.contains("too short for 6 cells"), "{error}");
    let plan = self::plan(&budgeted(&needs), false).unwrap();
    assert_eq!((load(&plan.stages[1].work).instances, load(&plan.stages[1].work).rounds), (5, 10), "{needs}");
    let text = plan.to_string();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains(
            "6 cells: upstream.builtin.body 1KiB, 4KiB, 1MiB × stage.capacity.vus 1, 8; each 10 rounds over 5 instances"
        ),
        "{text}"
    );
    assert!(text.contains("their instances take turns"), "{text}");
}

#[test]
fn a_quick_matrix_is_short_and_ignores_its_budget() {
    let text = std::fs::read_to_string(folder().join("matrix.toml")).unwrap();
    let quick = plan(&text, true).unwrap();
    assert!(quick.expected_duration() < Nanos::from_secs(55), "{}", quick.expected_duration());
    let whole = plan(&text, false).unwrap();
    assert_eq!(whole.stages.len(), 15);
    assert!(whole.expected_duration() < Nanos::from_secs(290), "{}", whole.expected_duration());
    assert!(plan(&budgeted("1s"), true).is_ok());
}

#[test]
fn builds_of_a_matrix_are_compared_in_every_cell() {
    let text = format!("{}[compare]\nagainst = \"builtin:sidecar\"\ninstances = 7\n", budgeted("1500s"));
    let plan = plan(&text, false).unwrap();
    let cells = plan.stages.iter().filter(|stage| plan.matrix.cell(&stage.name).is_some());
    assert!(
        cells.clone().count() == 6 && cells.clone().all(|stage| stage.compared && load(&stage.work).instances >= 7)
    );
    let takes = cells.map(Stage::expected_duration).fold(Nanos::ZERO, Nanos::plus);
    assert!(takes <= Nanos::from_secs(1500), "{takes}");
}
