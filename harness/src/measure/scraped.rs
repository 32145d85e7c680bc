//! Defines what a target reports of itself over a window: what is asked for, what was found, and the arithmetic on it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A value to take from the answer of a metrics endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Id of the metric, without the name of a stage.
    #[cfg_attr(feature = "schema", schemars(with = "crate::measure::shape::MetricId"))]
    pub metric: String,
    /// Its name in the answer; of a histogram, without `_bucket`, `_sum` and `_count`.
    pub name: String,
    /// Labels that a series must have. Several series are added.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    pub how: How,
    /// The factor from the unit of the answer to that of the metric.
    #[cfg_attr(feature = "schema", schemars(extend("exclusiveMinimum" = 0)))]
    pub factor: f64,
}

/// How the value follows from what is reported.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Increase of the sum of a histogram ÷ increase of its count.
    Mean,
    /// A quantile (0 to 1) of the increases of the buckets of a histogram, interpolated within its bucket.
    Quantile(f64),
    /// A gauge at the end of the window.
    Gauge,
    /// Increase of a counter ÷ requests that were sent in the window.
    PerRequest,
}

/// What was reported over a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ScrapedFound"))]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// The increases of a histogram.
    Histogram {
        count: f64,
        sum: f64,
        buckets: Vec<Bucket>,
    },
    /// The increase of a counter.
    Counter(f64),
    Gauge(f64),
    /// The counter went backwards, so its increase is not known.
    Reset {
        before: f64,
        after: f64,
    },
    /// The whole answer was the same before and after requests, so it is older than they are.
    Stale,
    /// There is no value, with the reason.
    Missing(String),
}

/// The increase of one bucket of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "ScrapedBucket"))]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Its upper end; absent for the last one, which has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper: Option<f64>,
    /// Values above the upper end of the bucket before it.
    pub count: f64,
}

/// A quantile within its bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Within {
    pub lower: f64,
    pub upper: f64,
    /// On a straight line between both.
    pub point: f64,
}

impl Asked {
    /// Returns the value in the unit of the metric; `sent` is the number of requests of the window.
    ///
    /// # Errors
    /// Returns why there is none.
    pub fn value(&self, found: &Found, sent: u64) -> Result<f64, String> {
        let name = &self.name;
        let value = match (found, self.how) {
            (Found::Missing(reason), _) => return Err(reason.clone()),
            (Found::Stale, _) => {
                return Err(format!(
                    "the answer with {name} did not change while requests were sent: it was made before them"
                ));
            }
            (Found::Reset { before, after }, _) => {
                return Err(format!("{name} went back from {before} to {after}: it was set to 0 in between"));
            }
            (Found::Histogram { count, .. }, _) if *count <= 0.0 => {
                return Err(format!("{name} counted nothing in the window"));
            }
            (Found::Histogram { count, sum, .. }, How::Mean) => sum / count,
            (Found::Histogram { buckets, .. }, How::Quantile(q)) => self.quantile(buckets, q)?.point,
            (Found::Counter(_), How::PerRequest) if sent == 0 => return Err("no request was sent".to_owned()),
            (Found::Counter(increase), How::PerRequest) => increase / sent as f64,
            (Found::Gauge(value), How::Gauge) => *value,
            _ => return Err(format!("{name} is reported in another form than it is asked for")),
        };
        let value = value * self.factor;
        if value.is_finite() { Ok(value) } else { Err(format!("{name} is not a finite number")) }
    }

    /// Returns the bucket of a quantile in the unit of the metric; `None` without one.
    pub fn within(&self, found: &Found) -> Option<Within> {
        let (Found::Histogram { buckets, .. }, How::Quantile(q)) = (found, self.how) else { return None };
        let Within { lower, upper, point } = self.quantile(buckets, q).ok()?;
        Some(Within { lower: lower * self.factor, upper: upper * self.factor, point: point * self.factor })
    }

    fn quantile(&self, buckets: &[Bucket], q: f64) -> Result<Within, String> {
        let rank = q * buckets.iter().map(|bucket| bucket.count).sum::<f64>();
        let (mut below, mut lower) = (0.0, 0.0);
        for bucket in buckets {
            let Some(upper) = bucket.upper else { break };
            if bucket.count > 0.0 && below + bucket.count >= rank {
                return Ok(Within { lower, upper, point: lower + (upper - lower) * (rank - below) / bucket.count });
            }
            (below, lower) = (below + bucket.count, upper);
        }
        Err(format!("quantile {q} of {} is above its largest bucket, which ends at {lower}", self.name))
    }
}

impl Found {
    /// Adds what was reported over a later span to this; a gauge has its later value. A series that was not there before counts from 0; what was
    /// set back or stale stays so.
    #[must_use]
    pub fn plus(self, later: Self) -> Self {
        match (self, later) {
            (lost @ (Self::Reset { .. } | Self::Stale), _) | (_, lost @ (Self::Reset { .. } | Self::Stale)) => lost,
            (
                Self::Histogram { count, sum, buckets },
                Self::Histogram { count: more, sum: more_sum, buckets: more_buckets },
            ) => Self::Histogram { count: count + more, sum: sum + more_sum, buckets: added(buckets, more_buckets) },
            (Self::Counter(increase), Self::Counter(more)) => Self::Counter(increase + more),
            (_, later) => later,
        }
    }

    /// Returns how often something was counted; `None` for a gauge, and without a value.
    pub const fn count(&self) -> Option<f64> {
        match self {
            Self::Histogram { count, .. } | Self::Counter(count) => Some(*count),
            Self::Gauge(_) | Self::Reset { .. } | Self::Stale | Self::Missing(_) => None,
        }
    }
}

/// Adds the increases of buckets by their upper ends, in the order of these.
fn added(mut buckets: Vec<Bucket>, more: Vec<Bucket>) -> Vec<Bucket> {
    for bucket in more {
        match buckets.iter_mut().find(|known| known.upper == bucket.upper) {
            Some(known) => known.count += bucket.count,
            None => buckets.push(bucket),
        }
    }
    let end = |bucket: &Bucket| bucket.upper.unwrap_or(f64::INFINITY);
    buckets.sort_by(|one, other| end(one).total_cmp(&end(other)));
    buckets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(how: How, factor: f64) -> Asked {
        let (metric, name) = ("policy/eval_mean".to_owned(), "x".to_owned());
        Asked { metric, name, labels: BTreeMap::new(), how, factor }
    }

    fn histogram(counts: [f64; 3]) -> Found {
        let [one, two, rest] = counts;
        let bucket = |upper, count| Bucket { upper, count };
        let buckets = vec![bucket(Some(0.1), one), bucket(Some(0.5), two), bucket(None, rest)];
        Found::Histogram { count: one + two + rest, sum: 30.0, buckets }
    }

    #[test]
    fn a_mean_and_a_quantile_follow_from_the_increases() {
        let found = histogram([100.0, 100.0, 0.0]);
        assert_eq!(asked(How::Mean, 1000.0).value(&found, 0), Ok(150.0));
        assert_eq!(asked(How::Quantile(0.5), 1.0).value(&found, 0), Ok(0.1));
        let within = asked(How::Quantile(0.75), 1000.0).within(&found).unwrap();
        assert_eq!((within.lower, within.upper), (100.0, 500.0));
        assert!((within.point - 300.0).abs() < 1e-9, "{within:?}");
        let above = asked(How::Quantile(0.99), 1.0).value(&histogram([90.0, 5.0, 5.0]), 0);
        assert!(above.unwrap_err().contains("above its largest bucket, which ends at 0.5"));
    }

    #[test]
    fn what_is_missing_or_was_set_back_has_no_value() {
        let mean = asked(How::Mean, 1.0);
        assert!(mean.value(&Found::Reset { before: 9.0, after: 2.0 }, 1).unwrap_err().contains("from 9 to 2"));
        assert_eq!(mean.value(&Found::Missing("none".to_owned()), 1), Err("none".to_owned()));
        assert!(mean.value(&histogram([0.0; 3]), 1).unwrap_err().contains("counted nothing"));
        assert!(mean.value(&Found::Gauge(1.0), 1).is_err());
        assert_eq!(asked(How::PerRequest, 1.0).value(&Found::Counter(30.0), 20), Ok(1.5));
        assert!(asked(How::PerRequest, 1.0).value(&Found::Counter(30.0), 0).is_err());
        assert!(asked(How::Gauge, 1.0).value(&Found::Gauge(f64::NAN), 0).is_err());
    }

    #[test]
    fn spans_are_added_and_what_was_set_back_in_one_of_them_is_lost() {
        let Found::Histogram { count, sum, buckets } = histogram([1.0, 2.0, 0.0]).plus(histogram([3.0, 0.0, 5.0]))
        else {
            panic!("no histogram")
        };
        let counts: Vec<f64> = buckets.iter().map(|bucket| bucket.count).collect();
        assert_eq!((count, sum, counts), (11.0, 60.0, vec![4.0, 2.0, 5.0]));
        let finer = added(buckets, vec![Bucket { upper: Some(0.3), count: 7.0 }]);
        assert_eq!(
            finer.iter().map(|bucket| bucket.upper).collect::<Vec<_>>(),
            [Some(0.1), Some(0.3), Some(0.5), None]
        );
        assert_eq!(Found::Counter(3.0).plus(Found::Counter(4.0)), Found::Counter(7.0));
        assert_eq!(Found::Gauge(3.0).plus(Found::Gauge(4.0)), Found::Gauge(4.0));
        let reset = Found::Reset { before: 9.0, after: 2.0 };
        assert_eq!(Found::Counter(3.0).plus(reset.clone()), reset);
        assert_eq!(Found::Stale.plus(Found::Counter(3.0)), Found::Stale);
        let missing = || Found::Missing("why".to_owned());
        assert_eq!(
            (missing().plus(Found::Counter(1.0)), Found::Counter(1.0).plus(missing())),
            (Found::Counter(1.0), missing())
        );
    }
}
