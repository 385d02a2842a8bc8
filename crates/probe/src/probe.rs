//! The trait, and how a probe describes itself.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::snapshot::Snapshot;
use crate::target::{Frozen, Target};

/// Something that looks at a process and says what it saw as tables.
///
/// A probe keeps what makes the next look cheap (open files, parsed headers) and is asked again
/// and again for the same target. It never prints, never decides what the numbers mean, and
/// leaves the target as it was.
pub trait Probe: Send {
    /// What this probe is. The same answer at every call.
    fn descriptor(&self) -> &Descriptor;

    /// Looks once.
    ///
    /// # Errors
    /// Only when nothing was read. Whatever is merely missing is an [`Issue`](crate::Issue) of
    /// the snapshot, whose `complete` is then false.
    fn snapshot(&mut self, request: &Request) -> Result<Snapshot>;
}

/// A probe that can be made from a configuration: what the export macro of a plugin needs.
pub trait Open: Probe + Sized {
    /// What the preset gives this probe. `serde` says what is wrong with a bad one.
    type Config: serde::de::DeserializeOwned + Default;

    /// The description, without a target and without side effects.
    fn describe() -> Descriptor;

    /// Makes a probe. Does not touch the target yet.
    ///
    /// # Errors
    /// When the configuration makes no sense.
    fn open(config: Self::Config) -> Result<Self>;
}

/// What a probe says about itself. Its JSON form crosses the plugin ABI and never changes shape;
/// readers ignore fields they do not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// Short name in lower case: `process`.
    pub name: String,
    /// Version of the probe.
    pub version: String,
    /// One line: what it looks at.
    pub summary: String,
    /// The level at which it is usually run.
    pub level: Level,
    /// Which questions it answers.
    pub questions: Vec<Question>,
    /// The six characteristics of the trade.
    pub characteristics: Characteristics,
}

impl Descriptor {
    /// Whether the probe answers this question.
    #[must_use]
    pub fn answers(&self, question: &str) -> bool {
        self.questions.iter().any(|q| q.name == question)
    }
}

/// A question that a probe answers, such as `memory` or `gc`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Name, in lower case.
    pub name: String,
    /// The tables that come back.
    pub tables: Vec<String>,
    /// What a look costs, in words and figures.
    pub cost: String,
}

impl Question {
    /// A question.
    pub fn new(name: &str, tables: &[&str], cost: &str) -> Self {
        Self {
            name: name.into(),
            tables: tables.iter().map(|&t| t.into()).collect(),
            cost: cost.into(),
        }
    }
}

/// The six characteristics by which memory tools are chosen, each a short phrase.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Characteristics {
    /// Where it can be had: platforms, versions, rights.
    pub availability: String,
    /// The smallest piece of memory it can tell apart.
    pub memory_granularity: String,
    /// The smallest piece of execution it can tell apart.
    pub execution_granularity: String,
    /// What it costs the target in memory.
    pub memory_cost: String,
    /// What it costs the target in time.
    pub execution_cost: String,
    /// What the developer has to do.
    pub developer_cost: String,
}

/// How close to the metal: cheap and outside first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Platform numbers; costs the target nothing.
    High,
    /// What the interpreter knows.
    Medium,
    /// The native heap and reference counts.
    Low,
}

impl Level {
    /// All levels, cheapest first.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// The name as it stands in options, presets and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// One look: at what, and which questions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The process.
    pub target: Target,
    /// The questions to answer; empty: all of them.
    #[serde(default)]
    pub questions: Vec<String>,
    /// A frozen copy to read instead of the live process, where the host made one.
    #[serde(default)]
    pub frozen: Option<Frozen>,
    /// A folder for what is too big for a document: tables of tens of millions of rows go there
    /// as files, and [`Snapshot::files`] names them. Without it they are not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture_dir: Option<PathBuf>,
}

impl Request {
    /// A request for some questions about a target.
    #[must_use]
    pub fn new(target: Target, questions: &[&str]) -> Self {
        let questions = questions.iter().map(|&q| q.into()).collect();
        Self { target, questions, frozen: None, capture_dir: None }
    }

    /// Whether this question is to be answered.
    #[must_use]
    pub fn wants(&self, question: &str) -> bool {
        self.questions.is_empty() || self.questions.iter().any(|q| q == question)
    }
}
