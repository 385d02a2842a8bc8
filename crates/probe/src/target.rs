//! What is looked at.

use serde::{Deserialize, Serialize};

/// The identity of a process.
///
/// A PID alone is no identity: it is used again when the process has ended. The pair of `pid`
/// and `start_id` is one, for as long as the machine is up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The PID in the PID namespace of the observer.
    pub pid: u32,
    /// The platform's own mark of the moment the process started; opaque, only compared.
    /// On Linux: clock ticks since boot, field 22 of `/proc/PID/stat`. 0: not known.
    #[serde(default)]
    pub start_id: u64,
    /// The same moment for people: nanoseconds since the Unix epoch, to about 10 ms.
    #[serde(default)]
    pub started_unix_ns: Option<u64>,
    /// Command line, arguments joined by spaces.
    #[serde(default)]
    pub command: String,
    /// Path of the executable, as the kernel gives it.
    #[serde(default)]
    pub exe: Option<String>,
    /// Version of the interpreter, if the target runs CPython: "3.11.7".
    #[serde(default)]
    pub python: Option<String>,
}

impl Target {
    /// A target of which only the PID is known.
    #[must_use]
    pub fn from_pid(pid: u32) -> Self {
        Self { pid, ..Self::default() }
    }

    /// Whether both speak of the same process. An unknown `start_id` fits any.
    #[must_use]
    pub fn is_same_process(&self, other: &Self) -> bool {
        self.pid == other.pid
            && (self.start_id == other.start_id || self.start_id == 0 || other.start_id == 0)
    }
}

/// How a picture of one instant was had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FrozenBy {
    /// The target stood for as long as it was read.
    Stop,
    /// A copy that the target made of itself was read.
    Fork,
}

impl FrozenBy {
    /// The name as it stands in options and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Fork => "fork",
        }
    }
}

/// A frozen copy of the target that the host lends to all probes of a round, so that all of
/// them speak of the same instant and the target pauses once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Frozen {
    /// PID of the frozen copy, to be read instead of the target; the target's own where it was
    /// stopped.
    pub pid: u32,
    /// Threads of the target at that instant.
    #[serde(default)]
    pub threads: Vec<FrozenThread>,
}

/// A thread of the target at the instant of the freeze.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FrozenThread {
    /// Thread id in the observer's PID namespace.
    pub tid: u32,
    /// General-purpose registers in the kernel's `user_regs_struct` order.
    #[serde(default)]
    pub registers: Vec<u64>,
}
