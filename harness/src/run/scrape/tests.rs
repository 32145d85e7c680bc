use super::*;

fn read(name: &str, how: How, labels: &[(&str, &str)]) -> Asked {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Asked { metric: "scrape/time".to_owned(), name: name.to_owned(), labels, how, factor: 1.0 }
}

fn parsed(text: &str) -> Exposition {
    Exposition::parse(text).unwrap()
}

const BEFORE: &str = "c_total_total{m=\"a\"} 5\nh_sum{d=\"permit\"} 10\nh_count{d=\"permit\"} 100\n\
    h_bucket{le=\"0.1\",d=\"permit\"} 90\nh_bucket{le=\"+Inf\",d=\"permit\"} 100\n";
const AFTER: &str = "c_total_total{m=\"a\"} 9\nc_total_total{m=\"b\"} 2\ng 7\ng2{a=\"1\"} 1\ng2{a=\"2\"} 2\n\
    h_sum{d=\"permit\"} 40\nh_count{d=\"permit\"} 300\nh_bucket{d=\"permit\",le=\"0.1\"} 190\nh_bucket{d=\"permit\",le=\"+Inf\"} 300\n\
    h_sum{d=\"deny\"} 1\nh_count{d=\"deny\"} 1\nh_bucket{d=\"deny\",le=\"0.1\"} 1\nh_bucket{d=\"deny\",le=\"+Inf\"} 1\n";

#[test]
fn a_counter_is_the_increase_of_all_its_series() {
    let of = |name: &str, labels: &[(&str, &str)]| {
        counter_of(&read(name, How::PerRequest, labels), &parsed(BEFORE), &parsed(AFTER))
    };
    assert_eq!(of("c_total", &[]), Found::Counter(6.0), "a new series counts from 0");
    assert_eq!(of("c_total_total", &[("m", "a")]), Found::Counter(4.0));
    let Found::Missing(why) = of("c_totals", &[]) else { panic!("found") };
    assert!(why.contains("is not in the answer; did you mean c_total_total?"), "{why}");
    let Found::Missing(why) = of("c_total_total", &[("m", "c")]) else { panic!("found") };
    assert_eq!(why, "c_total_total has no series with m=\"c\"");
}

#[test]
fn a_histogram_is_the_increase_of_its_parts() {
    let of = |labels: &[(&str, &str)]| histogram_of(&read("h", How::Mean, labels), &parsed(BEFORE), &parsed(AFTER));
    let bucket = |upper, count| Bucket { upper, count };
    let permit =
        Found::Histogram { count: 200.0, sum: 30.0, buckets: vec![bucket(Some(0.1), 100.0), bucket(None, 100.0)] };
    // The order of the labels differs between both answers, which is another series to a reader of lines, and the same to this one.
    assert_eq!(of(&[("d", "permit")]), permit);
    let Found::Histogram { count, .. } = of(&[]) else { panic!("no histogram") };
    assert!((count - 201.0).abs() < 1e-9);
}

#[test]
fn a_counter_that_went_backwards_or_is_gone_was_reset() {
    let back = counter_of(&read("c", How::PerRequest, &[]), &parsed("c 9"), &parsed("c 2"));
    assert_eq!(back, Found::Reset { before: 9.0, after: 2.0 });
    let gone = counter_of(&read("c", How::PerRequest, &[]), &parsed("c{m=\"a\"} 9"), &parsed("c{m=\"b\"} 20"));
    assert_eq!(gone, Found::Reset { before: 9.0, after: 0.0 });
    let count = histogram_of(&read("h", How::Mean, &[]), &parsed(AFTER), &parsed(BEFORE));
    assert_eq!(count, Found::Reset { before: 300.0, after: 100.0 });
}

#[test]
fn a_gauge_has_one_series() {
    let of = |name: &str, labels: &[(&str, &str)]| gauge_of(&read(name, How::Gauge, labels), &parsed(AFTER));
    assert_eq!(of("g", &[]), Found::Gauge(7.0));
    assert_eq!(of("g2", &[("a", "2")]), Found::Gauge(2.0));
    let Found::Missing(why) = of("g2", &[]) else { panic!("found") };
    assert_eq!(why, "g2 has 2 series: choose one with labels");
    assert!(matches!(gauge_of(&read("n", How::Gauge, &[]), &parsed("n NaN")), Found::Missing(_)));
}
