//! Quantities with their unit in the type.
//!
//! A scenario writes the unit into the value (`"30s"`, `"128MiB"`, `"1000/s"`, `"5%"`, `"10Mbit/s"`), JSON carries it in the key
//! (`_ns`, `_bytes`, `_per_second`, `_ratio`), and text shows it behind the number.

mod bit_rate;
mod growth;
mod parse;
mod quantity;
mod text;

pub use bit_rate::BitRate;
pub use growth::{BytesPerDay, CountPerDay};
pub use parse::ParseError;
pub use quantity::{Bytes, Nanos, Rate, Ratio};
pub use text::{grouped, hexadecimal, three_digits};
