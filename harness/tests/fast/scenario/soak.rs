//! How a scenario asks for a soak.

use harness::stages::soak::work::Work as SoakWork;

use super::*;

fn soaking(lines: &str) -> String {
    GOOD.replace("[stage.overhead]", &format!("[stage.soak]\n{lines}\n[stage.overhead]"))
}

fn soak(lines: &str) -> SoakWork {
    match &good(&soaking(lines), &[]).stages[0].work {
        Work::Soak(soak) => soak.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_soak_is_sixty_windows_of_whole_seconds_unless_written() {
    let hours = soak("");
    let seconds = Nanos::from_secs;
    assert_eq!((hours.load.window, hours.window, hours.windows()), (seconds(14_400), seconds(240), 60));
    assert_eq!((hours.load.warmup, hours.load.paired), (seconds(1_200), false));
    assert_eq!(hours.load.pace, Pace::Open { rate: Rate(1000.0), arrivals: Arrivals::Jittered });
    assert_eq!((hours.budget.memory_bytes_per_day, hours.min_abs.memory_bytes), (50.0 * 1_048_576.0, 8 << 20));
    let short = soak("duration = \"45500ms\"\nvus = 3\nbudget = { memory = \"1MiB/m\", rate = \"2%\" }");
    assert_eq!((short.window, short.windows(), short.load.window), (seconds(1), 45, seconds(45)));
    assert_eq!((short.load.pace, short.load.connections), (Pace::Closed { vus: 3 }, 3));
    assert_eq!((short.budget.memory_bytes_per_day, short.budget.rate_ratio), (1440.0 * 1_048_576.0, 0.02));
    assert_eq!((short.budget.threads_per_day, short.min_abs.threads), (10.0, 4));
}

#[test]
fn a_soak_is_planned_with_its_budget_and_quick_is_twelve_seconds() {
    let scenario = good(&soaking("rate = \"200/s\""), &["compare.against=builtin:sidecar"]);
    let plan = Plan::new(&scenario, &Options::default()).unwrap();
    assert!(!plan.stages[0].compared && plan.stages[1].compared, "the head alone is soaked");
    let shown = plan.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(shown.contains("4h of 200/s on 10 connections, warm-up 20m, 60 windows of 4m"), "{shown}");
    assert!(shown.contains("memory 50.0 MiB/day beyond 8.00 MiB, descriptors 100/day beyond 20"), "{shown}");
    assert!(shown.contains("p99 +50% beyond 1ms, rate -5%; about 260 min"), "{shown}");
    let quick = Plan::new(&scenario, &Options { quick: true, ..Options::default() }).unwrap();
    let Work::Soak(soak) = &quick.stages[0].work else { panic!("no soak") };
    assert_eq!((soak.windows(), soak.window, soak.load.warmup), (12, Nanos::from_secs(1), Nanos::from_secs(1)));
}

#[test]
fn mistakes_of_a_soak_are_reported_all_at_once() {
    for (lines, message) in [
        ("duration = \"11s\"", "11s is 11 windows of 1s, but a slope needs at least 12"),
        ("window = \"30s\"", "30s makes 480 windows, at most 240 are allowed"),
        ("window = \"1500ms\"", "must be whole seconds, at least 1s, is 1500ms"),
        ("window = \"500ms\"", "must be whole seconds"),
        ("ramp = \"1h\"", "1h is longer than the warm-up of 20m"),
        ("rate = \"1/m\"\nduration = \"20s\"", "too short for a single request"),
        ("budget = { memory = \"50MiB\" }", "\"50MiB\" is not a growth of memory such as \"50MiB/day\""),
        ("budget = { descriptors = \"100/week\" }", "is not a growth such as"),
        ("budget = { memroy = \"50MiB/day\" }", "unknown key (did you mean memory?)"),
        ("budget = { p99 = \"-5%\" }", "must not be negative"),
        ("min_abs = { memory = 5 }", "must be a size"),
        ("rounds = 10", "stage.soak.rounds: unknown key"),
        ("rate = \"5/s\"\nvus = 3", "stage.soak.vus: unknown key"),
    ] {
        let found = mistakes(&soaking(lines), &[]);
        assert!(found.iter().any(|mistake| mistake.contains(message)), "{message} is not in {found:#?}");
    }
    let found = mistakes(&soaking("durtion = \"4h\"\nwindow = \"1ms\"\nrate = 5"), &[]);
    assert_eq!(found.len(), 3, "{found:#?}");
}
