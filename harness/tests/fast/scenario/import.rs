//! How a scenario imports what another tool has measured.

use super::*;

/// Returns a scenario with these lines in `[import.criterion]`.
fn importing(lines: &str) -> String {
    GOOD.replace("[stage.overhead]", &format!("[import.criterion]\n{lines}\n[stage.overhead]"))
}

#[test]
fn an_import_comes_first_and_says_what_it_reads() {
    let text =
        importing("dir = \"no/such/criterion\"\nnames = { \"policy/eval_v2\" = \"policy/eval\" }\nmax_age = \"2h\"");
    let text = format!("{text}[targets]\n\"policy/eval_p50\" = {{ limit = \"< 100us\" }}\n");
    let plan = Plan::new(&good(&text, &[]), &Options::default()).unwrap();
    let Work::Import(spec) = &plan.stages[0].work else { panic!("{:?}", plan.stages[0]) };
    let metrics: Vec<&str> = spec.names.iter().map(|(_, metric)| *metric).collect();
    assert_eq!((metrics, spec.max_age), (vec!["policy/eval_p50", "policy/eval_p99"], Nanos::from_secs(7_200)));
    assert_eq!(plan.stages[0].kind(), StageKind::Import);
    assert!(plan.warnings[0].contains("no/such/criterion is not there: a run will stop"), "{:?}", plan.warnings);
    let shown = plan.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("reads policy/eval_v2 as policy/eval_p50, policy/eval_v2 as policy/eval_p99"), "{shown}");
    let others = Plan::new(&good(&text, &[]), &Options { stages: vec!["overhead".to_owned()], ..Options::default() });
    assert_eq!(others.unwrap().stages.len(), 1, "an import that was not asked for");
}

#[test]
fn numbers_of_any_name_are_stages_of_that_name() {
    let text = importing(
        "dir = \"c\"\nthroughput = true\nnames = { \"policy/eval\" = \"policy/eval_p50\", \"aead/1k\" = \"import/time@aead\" }\n\
         [import.json]\nnames = { \"heap.json#/blocks/total\" = \"import/count@allocations\", \"heap.json#/bytes\" = \"import/size@allocations\" }",
    );
    let text = format!("{text}[targets]\n\"throughput/import_mbs@aead\" = {{ limit = \"> 1000MB/s\" }}\n");
    let plan = Plan::new(&good(&text, &[]), &Options::default()).unwrap();
    let imports: Vec<(&str, Vec<&str>)> = plan
        .stages
        .iter()
        .filter_map(|stage| match &stage.work {
            Work::Import(work) => Some((stage.name.as_str(), work.names.iter().map(|(_, metric)| *metric).collect())),
            _ => None,
        })
        .collect();
    let expected = [
        ("import", vec!["policy/eval_p50"]),
        ("aead", vec!["import/time", "throughput/import_mbs"]),
        ("allocations", vec!["import/count", "import/size"]),
    ];
    assert_eq!(imports, expected);
    assert!(plan.warnings.iter().any(|warning| warning.contains("heap.json is not there")), "{:?}", plan.warnings);
}

#[test]
fn an_import_needs_no_stage() {
    let text = "name = \"numbers\"\n[target.command]\nrun = [\"/bin/true\"]\n[import.json]\nnames = { \"a.json#/b\" = \"import/count@b\" }\n";
    let plan = Plan::new(&good(text, &[]), &Options::default()).unwrap();
    assert_eq!(plan.stages.iter().map(|stage| stage.name.as_str()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn mistakes_of_an_import_are_reported_with_what_to_do() {
    let names = "dir = \"c\"\nnames = { \"a/b\" = \"policy/eval\" }";
    for (text, message) in [
        (importing("names = { \"a/b\" = \"policy/eval\" }"), "import.criterion.dir: is missing"),
        (importing("dir = \"c\""), "import.criterion.names: is missing"),
        (importing("dir = \"c\"\nnames = {}"), "names no benchmark"),
        (importing("dir = \"c\"\nnames = { \"a/b\" = \"policy/evl_p50\" }"), "(did you mean policy/eval_p50?)"),
        (importing("dir = \"c\"\nnames = { \"a/b\" = \"latency/p50\" }"), "\"latency/p50\" cannot be imported"),
        (
            importing("dir = \"c\"\nnames = { \"a/b\" = \"policy/eval\", \"a/c\" = \"policy/eval_p99\" }"),
            "policy/eval_p99 has a benchmark already",
        ),
        (importing(&format!("{names}\nmaxage = \"1h\"")), "unknown key (did you mean max_age?)"),
        (
            format!("{}[targets]\n\"policy/reload_time\" = {{ limit = \"< 100ms\" }}\n", importing(names)),
            "no benchmark is imported as it",
        ),
        (format!("{GOOD}[targets]\n\"policy/eval_p50\" = {{ limit = \"< 100us\" }}\n"), "(add [import.criterion])"),
        (importing("dir = \"c\"\nnames = { \"a/b\" = \"import/time\" }"), "(write import/time@NAME)"),
        (
            importing("dir = \"c\"\nthroughput = true\nnames = { \"a/b\" = \"policy/eval\" }"),
            "no benchmark becomes import/time@NAME",
        ),
        (importing("dir = \"c\"\nnames = { \"a/b\" = \"import/time@overhead\" }"), "overhead is the name of a stage"),
        (
            importing(&format!("{names}\n[import.json]\nnames = {{ \"x.json\" = \"import/count@x\" }}")),
            "names no number in a file",
        ),
        (
            importing(&format!("{names}\n[import.json]\nnames = {{ \"x.json#/a\" = \"policy/eval_p50\" }}")),
            "policy/eval_p50 is imported from Criterion only",
        ),
        (format!("{GOOD}[stage.import]\nkind = \"idle\"\n"), "write [import.criterion]"),
        (format!("{GOOD}[stage.other]\nkind = \"import\"\n"), "must be one of artifact"),
    ] {
        let found = mistakes(&text, &[]);
        assert!(found.iter().any(|mistake| mistake.contains(message)), "{message} is not in {found:#?}");
    }
}
