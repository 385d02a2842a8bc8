//! Rules: series of tables -> verdict and findings. Pure: no I/O, no probe, no report.
//!
//! `docs/verdict.md` states every rule with its source, and the measured rates of false alarms
//! and misses. Reading order: [`Observation`] collects what the probes see, `footprint` makes
//! series of it, `curve` judges one series of bytes, `judge` and `reason` make the verdict of
//! it, `findings` says what grows. [`simulate`] makes the series that the rules are measured on.
#![forbid(unsafe_code)]

pub mod account;
mod combine;
pub mod comparison;
mod curve;
mod findings;
mod footprint;
mod judge;
mod lanes;
mod limit;
mod observation;
mod reason;
mod series;
pub mod settled;
pub mod simulate;
pub mod trial;
pub mod verdict;

pub use combine::combine;
pub use comparison::compare_runs;
pub use curve::{FLOOR_BYTES, TOLERATED_RATE};
pub use judge::judge_series;
pub use observation::Observation;
pub use verdict::*;

/// What the caller knows about the run.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The level at which the run looks: findings advise the next one. `None`: high.
    pub level: Option<probe::Level>,
}

/// The verdict and what stands behind it.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The verdict of the report.
    pub verdict: Verdict,
    /// Whether more watching would not change the answer: an open-ended run may stop.
    pub sure: bool,
    /// When undecided: how many more seconds should decide it.
    pub watch_more_s: Option<f64>,
    /// The judged series: seconds since the first sample, bytes. At most a few hundred points.
    pub series: Vec<(f64, f64)>,
    /// Whether what grew comes to an end by itself, as far as tables explain it: findings may say
    /// what it is.
    pub is_bounded: bool,
    /// Seconds cut off the front as warm-up.
    pub warmup_s: f64,
    /// The windows of the last regime, in order: what `repeatability` counts.
    pub windows: Vec<WindowGrowth>,
}

/// How much memory grew in one window of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowGrowth {
    /// Length, seconds.
    pub seconds: f64,
    /// Growth from its beginning to its end, bytes.
    pub bytes: f64,
}
