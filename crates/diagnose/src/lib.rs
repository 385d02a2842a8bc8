//! Rules: series of tables -> verdict and findings. FILL
#![forbid(unsafe_code)]
pub mod verdict;
use diff::TableTrend;
use probe::{Finding, Snapshot};
pub use verdict::*;

/// FILL
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// FILL
    pub level: Option<probe::Level>,
}

/// What is collected over a run, with bounded memory however long it lasts.
#[derive(Debug, Default)]
pub struct Observation {}

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
    /// Seconds cut off the front as warm-up.
    pub warmup_s: f64,
}

impl Observation {
    /// FILL
    #[must_use]
    pub fn new(_settings: Settings) -> Self {
        Self {}
    }
    /// Takes a snapshot of any probe, any target of the run, in order of time.
    pub fn push(&mut self, _snapshot: Snapshot) {}
    /// Notes that `total` events have happened by this moment (same clock as the snapshots).
    pub fn event(&mut self, _monotonic_ns: u64, _total: u64) {}
    /// The verdict so far. Cheap enough to be asked once a second.
    #[must_use]
    pub fn judge(&self) -> Judgement {
        unimplemented!()
    }
    /// The findings that go with it, most important first.
    #[must_use]
    pub fn findings(&self, _judgement: &Judgement) -> Vec<Finding> {
        Vec::new()
    }
    /// Trends of all tables that were pushed, by table, most growth first.
    #[must_use]
    pub fn trends(&self) -> Vec<TableTrend> {
        Vec::new()
    }
}
