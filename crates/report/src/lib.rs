//! Renders diffs, trends and reports. FILL
#![forbid(unsafe_code)]
pub mod model;
pub use model::*;
