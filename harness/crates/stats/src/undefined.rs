//! Reasons why a procedure has no result.

/// The reason why a procedure has no result for these values.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Undefined {
    /// Fewer values than the procedure can use.
    #[error("{needed} values are needed, there are {found}")]
    TooFew { needed: usize, found: usize },
    /// More values than the procedure can hold.
    #[error("at most {most} values can be compared with each other, there are {found}")]
    TooMany { most: usize, found: usize },
    /// All values are equal, so there is no scatter. The caller can compare them exactly.
    #[error("all values are equal, so there is no scatter to compare a difference with")]
    Constant,
    #[error("value {index} is {value}; a ratio needs values above 0")]
    NotPositive {
        /// The position, from 0.
        index: usize,
        value: f64,
    },
    #[error("{base} values cannot be paired with {head}")]
    Unpaired { base: usize, head: usize },
    /// A probability or level lies outside its range.
    #[error("{value} is not a probability between 0 and 1")]
    NoProbability { value: f64 },
    /// The result is beyond the range of numbers.
    #[error("the result is beyond the range of numbers")]
    Overflow,
}

/// Returns the value, unless it is infinite or not a number.
pub(super) fn finite(value: f64) -> Result<f64, Undefined> {
    if value.is_finite() { Ok(value) } else { Err(Undefined::Overflow) }
}
