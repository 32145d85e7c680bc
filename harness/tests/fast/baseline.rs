//! Baselines: what may become one, which one a run is held against, and what is shown of it.
mod branch;
mod choosing;
mod command;
pub mod made;
mod promoting;
mod storing;
mod trend;
