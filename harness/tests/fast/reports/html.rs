//! `report.html`: what must be in it, what must not, and how large it may be.

use super::*;

/// Returns the attributes of all charts: kind and stage.
fn charts(html: &str) -> Vec<(&str, &str)> {
    let attribute = |text: &'static str, figure: &str| {
        let from = figure.find(text).map(|at| at + text.len())?;
        Some(from..from + figure[from..].find('"')?)
    };
    let figures = html.split("<figure ").skip(1);
    let of =
        |figure| Some((&figure[attribute("data-chart=\"", figure)?], &figure[attribute("data-stage=\"", figure)?]));
    figures.filter_map(of).collect()
}

#[test]
fn a_whole_run_has_every_chart_of_its_stages() {
    let record = sample::record();
    let html = rendered("html", &record, &judged(&record, &[]));
    let expected = [
        ("startup", "startup"),
        ("memory", "idle"),
        ("cpu", "idle"),
        ("rounds", "overhead"),
        ("latency", "overhead"),
        ("rate", "overhead"),
        ("response", "overhead"),
        ("memory", "overhead"),
        ("cpu", "overhead"),
        ("rounds", "capacity"),
        ("latency", "capacity"),
        ("rate", "capacity"),
        ("response", "capacity"),
        ("memory", "capacity"),
        ("cpu", "capacity"),
    ];
    assert_eq!(charts(&html), expected);
    assert_eq!(html.matches("<svg class=\"drawing\"").count(), expected.len());
    assert_eq!(html.matches("role=\"img\" aria-label=\"").count(), expected.len(), "every drawing has a description");
    assert!(html.len() < 1_000_000, "{} bytes for a run of default size", html.len());
}

#[test]
fn rounds_are_drawn_once_each_and_rejected_ones_are_shaded() {
    let record = sample::record();
    let html = rendered("html", &record, &judged(&record, &[]));
    let figure = html.split("<figure ").find(|figure| figure.starts_with("data-chart=\"rounds\"")).unwrap();
    // Ten valid rounds and one that was rejected; two arms each.
    assert_eq!(figure.matches("<circle ").count(), 22);
    assert_eq!(figure.matches("<rect class=\"rejected\"").count(), 1);
    assert!(figure.contains("Medians of 10 valid rounds: direct 0.152 ms, proxied 0.337 ms; 1 rejected"), "{figure}");
}

#[test]
fn nothing_in_it_is_fetched_or_run() {
    let record = sample::record();
    let html = rendered("html", &record, &judged(&record, &[]));
    for from_elsewhere in ["http://", "https://", "src=", "href=", "url(", "@import", "onload", "javascript:"] {
        assert!(!html.contains(from_elsewhere), "{from_elsewhere} is in it");
    }
    assert_eq!(html.matches("<script").count(), 1);
    assert!(html.contains("<script type=\"application/json\""), "the only script is data");
}

#[test]
fn texts_of_others_stay_texts() {
    let mut record = sample::record();
    let nasty = "</script></pre><script>alert('x')</script><!-- \" & \u{1b}[31m";
    record.scenario.text = nasty.to_owned();
    record.scenario.name = nasty.to_owned();
    record.warnings = vec![nasty.to_owned()];
    record.host.cpu_model = nasty.to_owned();
    record.targets[0].program = nasty.to_owned();
    stage(&mut record, "overhead").name = nasty.to_owned();
    let html = rendered("html", &record, &judged(&record, &[]));
    assert_eq!(html.matches("<script").count(), 1);
    assert_eq!(html.matches("</script").count(), 1);
    assert!(!html.contains("<!--") && !html.contains('\u{1b}'));
    assert!(html.contains("&lt;script&gt;alert('x')"), "it is shown as it was written");
}

#[test]
fn the_numbers_in_it_are_the_judgement() {
    let record = sample::record();
    let judgement = judged(&record, &[claim("overhead/latency_p50", true, 2.0)]);
    let html = rendered("html", &record, &judgement);
    let from = html.find("id=\"numbers\">").unwrap() + "id=\"numbers\">".len();
    let json = &html[from..from + html[from..].find("</script>").unwrap()];
    let found: serde_json::Value = serde_json::from_str(json).unwrap();
    let read: Judgement = serde_json::from_value(found["judgement"].clone()).unwrap();
    assert_eq!(read, judgement);
}

#[test]
fn an_invalid_stage_is_drawn_with_a_warning_and_a_run_without_stages_is_a_page() {
    let record = with_invalid_overhead();
    let html = rendered("html", &record, &judged(&record, &[]));
    assert!(html.contains("<header class=\"open\">") && html.contains("<span class=\"word\">INVALID</span>"));
    assert!(html.contains("overhead: the numbers of this stage do not count"));
    let nothing = Record { stages: Vec::new(), ..sample::record() };
    let html = rendered("html", &nothing, &judged(&nothing, &[]));
    assert!(charts(&html).is_empty() && html.contains("nothing was measured") && html.ends_with("</html>\n"));
}

#[test]
fn two_builds_are_drawn_beside_each_other() {
    use harness::measure::trial::Build;
    let mut record = sample::record();
    let base = harness::measure::record::BuildFacts { build: Build::Base, ..record.targets[0].clone() };
    record.targets.push(base);
    for stage in &mut record.stages {
        let mut twins = stage.instances.clone();
        twins.iter_mut().for_each(|instance| instance.build = Build::Base);
        stage.instances.extend(twins);
    }
    let html = rendered("html", &record, &judged(&record, &[]));
    let of_overhead = charts(&html).into_iter().filter(|(_, stage)| *stage == "overhead").map(|(kind, _)| kind);
    assert_eq!(of_overhead.take(3).collect::<Vec<_>>(), ["rounds", "rounds", "builds"]);
    assert!(html.contains("proxied by the base"));
}

/// Not a test of speed, since no test may depend on how fast the machine is: the numbers are in docs/performance.md.
#[test]
#[ignore = "prints how long each format takes; run it with --release --run-ignored only --no-capture"]
fn how_long_rendering_takes() {
    let record = sample::record();
    let judgement = judged(&record, &[]);
    let summary = Summary::new(&record, &judgement);
    let mut all = 0.0;
    for format in harness::report::FORMATS {
        let mut times: Vec<f64> = (0..5)
            .map(|_| {
                let began = std::time::Instant::now();
                assert!(!format.render(&summary).unwrap().is_empty());
                began.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        all += times[2];
        println!("{:<16} {:>8.2} ms", format.name(), times[2]);
    }
    println!("{:<16} {all:>8.2} ms", "all");
}
