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

    /// Whether this question wants a picture of one instant.
    #[must_use]
    pub fn wants_frozen(&self, question: &str) -> bool {
        self.questions.iter().any(|q| q.frozen && q.name == question)
    }

    /// Whether all answers to these questions hold while a copy of the target stands.
    #[must_use]
    pub fn hold_beside_copy(&self, questions: &[String]) -> bool {
        let holds = |name: &String| self.questions.iter().any(|q| q.beside_copy && q.name == *name);
        !questions.is_empty() && questions.iter().all(holds)
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
    /// Whether the answer wants a picture of one instant: it follows links through memory that
    /// the target changes meanwhile. The host then freezes the target, unless told not to, and
    /// lends what stands still in [`Request::frozen`]. False where only `/proc` is read.
    #[serde(default, skip_serializing_if = "is_false")]
    pub frozen: bool,
    /// Whether what it says of the memory of a process still holds while a copy of the process
    /// stands, of each page as a whole: the host asks it then too, and marks the answer
    /// ([`Snapshot::beside_copy`](crate::Snapshot::beside_copy)).
    #[serde(default, skip_serializing_if = "is_false")]
    pub beside_copy: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Question {
    /// A question.
    pub fn new(name: &str, tables: &[&str], cost: &str) -> Self {
        Self {
            name: name.into(),
            tables: tables.iter().map(|&t| t.into()).collect(),
            cost: cost.into(),
            frozen: false,
            beside_copy: false,
        }
    }

    /// The same question, which wants a picture of one instant.
    #[must_use]
    pub fn frozen(mut self) -> Self {
        self.frozen = true;
        self
    }

    /// The same, asked beside a copy too.
    #[must_use]
    pub fn beside_copy(mut self) -> Self {
        self.beside_copy = true;
        self
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
    /// What stands still and is to be read instead of the live process, where the host made it.
    /// Never needed: without it the process is read while it runs.
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
