//! The verdict of the JSON report (`docs/report.md`): is it a leak, of what shape, how often,
//! how badly, and does it repeat. Field names and units are a contract.

use serde::{Deserialize, Serialize};

/// The answer to "is it a leak, and how bad".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// `None`: cannot be told yet; `reason` says why and how much longer it takes.
    pub leak: Option<bool>,
    /// The shape of the curve.
    pub shape: Shape,
    /// 0 to 1.
    pub confidence: f64,
    /// How badly.
    pub severity: Severity,
    /// How often.
    pub frequency: Frequency,
    /// Whether it repeats.
    pub repeatability: Repeatability,
    /// One sentence.
    pub reason: String,
}

/// The shape of memory over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// No growth beyond the noise.
    Flat,
    /// Steady growth.
    Linear,
    /// Growth in jumps with level stretches between.
    Steps,
    /// Growth that is given back again and again.
    Sawtooth,
    /// Growth that has ended.
    Plateau,
    /// Nothing of the above.
    Irregular,
}

/// How badly it grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Severity {
    /// Bytes per second, after warm-up.
    pub bytes_per_s: f64,
    /// Lower end of the 95 % interval of `bytes_per_s`.
    pub low: f64,
    /// Upper end of the 95 % interval of `bytes_per_s`.
    pub high: f64,
    /// Growth over the run, bytes.
    pub bytes_total: f64,
    /// Bytes per event, where events were counted.
    pub bytes_per_event: Option<f64>,
    /// The nearest limit, bytes.
    pub limit_bytes: Option<f64>,
    /// Seconds until the limit at this rate.
    pub time_to_limit_s: Option<f64>,
}

/// How often it grows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Frequency {
    /// In which manner.
    pub kind: FrequencyKind,
    /// Separate increases that were seen.
    pub events: u64,
    /// Seconds from one to the next, where it is regular.
    pub period_s: Option<f64>,
}

/// The manner of growth over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FrequencyKind {
    /// At every look.
    Continuous,
    /// At regular intervals.
    Periodic,
    /// Now and then.
    Bursts,
    /// One time.
    Once,
    /// Never.
    None,
}

/// Whether it repeats: over several runs, or over windows of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Repeatability {
    /// Runs, or windows.
    pub runs: u64,
    /// How many of them grew.
    pub leaking_runs: u64,
    /// Relative spread of the rate between them (standard deviation / mean).
    pub spread: Option<f64>,
}
