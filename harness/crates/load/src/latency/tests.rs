//! Checks histograms that count, that were read, and that are forged or damaged.

use super::*;

fn of(spans: &[u64]) -> LatencyHistogram {
    let mut histogram = LatencyHistogram::default();
    spans.iter().for_each(|span| histogram.record(Nanos(*span)));
    histogram
}

#[test]
fn quantiles_are_right_to_three_digits() {
    let histogram = of(&(1..=10_000).map(|step| step * 1_000).collect::<Vec<_>>());
    for (quantile, truth) in [(0.5, 5.0e6), (0.99, 9.9e6), (1.0, 1.0e7)] {
        let found = histogram.quantile(quantile).map_or(0.0, |span| span.0 as f64);
        assert!((found / truth - 1.0).abs() < 1e-3, "{quantile}: {found}");
    }
    assert!(histogram.count_above(Nanos(9_000_000)).abs_diff(1_000) < 20);
}

#[test]
fn an_empty_histogram_has_no_quantile_and_long_spans_are_clamped() {
    assert_eq!(LatencyHistogram::default().quantile(0.5), None);
    let held = of(&[u64::MAX]).max().map_or(0, |span| span.0);
    assert!(held.abs_diff(LONGEST_NS) < LONGEST_NS / 500, "{held}");
}

#[test]
fn merging_is_adding_and_survives_json() {
    let (left, right) = (of(&[10, 20_000, 3_000_000]), of(&[5, 500_000_000]));
    let (mut one, mut other) = (left.clone(), right.clone());
    one.merge(&right);
    other.merge(&left);
    assert_eq!(one.quantiles(), other.quantiles());
    let json = serde_json::to_string(&one).unwrap();
    assert!(json.starts_with("\"HISTFAAA"), "{json}");
    let back: LatencyHistogram = serde_json::from_str(&json).unwrap();
    assert_eq!(back.quantiles(), one.quantiles());
}

#[test]
fn a_histogram_that_was_read_equals_the_one_that_was_written() {
    let mut state = 7_u64;
    let spans: Vec<u64> = (0..5_000)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % 10_u64.pow(3 + (state >> 60) as u32 % 8)
        })
        .collect();
    for counted in [
        of(&spans),
        of(&[]),
        of(&[0]),
        of(&[1, 2_047, 2_048, 2_049, 4_096, 125_000_000_000, u64::MAX]),
        LatencyHistogram::coarse(),
    ] {
        let json = serde_json::to_string(&counted).unwrap();
        let read: LatencyHistogram = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), json, "written again byte for byte");
        assert!(read == counted, "the same in either form");
        assert!(counted == read, "from either side");
        assert!(read == read.clone(), "and among its own");
        assert_eq!(
            (read.quantiles(), read.mean_ns(), read.max()),
            (counted.quantiles(), counted.mean_ns(), counted.max())
        );
        for step in 0..=1_000 {
            let q = f64::from(step) / 1_000.0;
            assert_eq!(read.quantile(q), counted.quantile(q), "{q}");
        }
        for limit in spans.iter().take(200).copied().chain([0, 1, 2_047, 2_048, u64::MAX]) {
            assert_eq!(read.count_above(Nanos(limit)), counted.count_above(Nanos(limit)), "{limit}");
        }
    }
}

/// Returns a histogram whose header claims these bounds, with these counts.
fn forged(digits: u32, highest: u64, counts: &[u8]) -> String {
    use std::io::Write as _;
    let mut inner = Vec::new();
    inner.extend(0x1c84_9313_u32.to_be_bytes());
    inner.extend((counts.len() as u32).to_be_bytes());
    inner.extend(0_u32.to_be_bytes());
    inner.extend(digits.to_be_bytes());
    inner.extend(1_u64.to_be_bytes());
    inner.extend(highest.to_be_bytes());
    inner.extend(1_f64.to_bits().to_be_bytes());
    inner.extend(counts);
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&inner).unwrap();
    let packed = packed.finish().unwrap();
    let mut outer = 0x1c84_9314_u32.to_be_bytes().to_vec();
    outer.extend((packed.len() as u32).to_be_bytes());
    outer.extend(packed);
    STANDARD.encode(outer)
}

#[test]
fn histograms_that_claim_gigabytes_are_refused() {
    let message = |text: &str| LatencyHistogram::from_base64(text).unwrap_err().to_string();
    assert!(LatencyHistogram::from_base64(&forged(3, LONGEST_NS, &[2; 1000])).is_ok());
    assert!(message(&forged(5, LONGEST_NS, &[2])).contains("header"));
    assert!(message(&forged(3, u64::MAX, &[2])).contains("header"));
    let bomb = forged(3, LONGEST_NS, &vec![2; 100 << 20]);
    assert!(bomb.len() < 1 << 20 && message(&bomb).contains("more than 524288 bytes"), "{}", bomb.len());
    // Many that are each within the bound.
    let full = forged(3, LONGEST_NS, &[2; 28_000]);
    let many = || (0..100).map(|_| LatencyHistogram::from_base64(&full)).collect::<Result<Vec<_>, _>>();
    assert!(document(many).unwrap_err().to_string().contains("more than 2000000 values"));
    assert!(document(|| LatencyHistogram::from_base64(&full)).is_ok(), "each file has its own bound");
}

#[test]
fn damaged_histograms_are_refused() {
    let whole = serde_json::to_string(&of(&(1..300).map(|step| step * 7_919).collect::<Vec<_>>())).unwrap();
    let text = whole.trim_matches('"');
    assert!(LatencyHistogram::from_base64(text).is_ok());
    let bytes = STANDARD.decode(text).unwrap();
    for length in 0..bytes.len() {
        let cut = STANDARD.encode(&bytes[..length]);
        assert!(LatencyHistogram::from_base64(&cut).is_err(), "{length} of {} bytes", bytes.len());
    }
    for text in ["", "!", "AAAA", "HISTFAAA"] {
        let message = LatencyHistogram::from_base64(text).unwrap_err().to_string();
        assert!(message.starts_with("not a V2 HdrHistogram in base64: "), "{message}");
    }
}

#[test]
fn a_histogram_that_was_read_can_count() {
    let (left, right) = (of(&[10, 20_000, 3_000_000]), of(&[5, 500_000_000]));
    let again = |histogram: &LatencyHistogram| -> LatencyHistogram {
        serde_json::from_str(&serde_json::to_string(histogram).unwrap()).unwrap()
    };
    let mut expected = left.clone();
    expected.merge(&right);
    let (mut read, mut counted) = (again(&left), left.clone());
    read.merge(&again(&right));
    counted.merge(&again(&right));
    assert!(read == expected && counted == expected && again(&left) != expected);
    read.record(Nanos(7));
    assert_eq!(read.count(), expected.count() + 1);
    read.clear();
    assert_eq!(read.count(), 0);
}
