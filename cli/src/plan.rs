//! From a preset to plugins that are ready to be asked.

use std::time::Duration;

use plugin_host::{LoadedProbe, OpenOptions, Plugin, Search, SearchOptions};
use probe::{Descriptor, ErrorKind, Issue, Level, Result, ResultExt, Severity};
use target::freeze::Method;

use crate::args::{GlobalArgs, LevelArg, LookArgs};
use crate::freezing;
use crate::pace::Pace;
use crate::preset::{self, Ask, Preset, ProbeEntry};

/// How long a plugin may take for an answer.
const DEADLINE: Duration = Duration::from_secs(10);
/// How often a plugin is asked when nobody says how often.
const DEFAULT_EVERY: Duration = Duration::from_secs(2);

/// Whom to ask what.
#[derive(Debug)]
pub struct Plan {
    /// At which level the report speaks.
    pub level: Level,
    /// How the preset is called.
    pub preset: String,
    /// The plugins.
    pub probes: Vec<PlannedProbe>,
    /// How targets are frozen.
    pub freeze: Method,
    /// How the series is judged.
    pub judging: diagnose::Settings,
    /// Plugins that could not be loaded, and why.
    pub issues: Vec<Issue>,
}

/// A plugin and what it is asked.
#[derive(Debug)]
pub struct PlannedProbe {
    /// The plugin.
    pub plugin: Plugin,
    /// What it is opened with.
    pub config: serde_json::Value,
    /// The questions and their pace.
    pub asks: Vec<Ask>,
    /// The questions that are asked about a frozen target.
    pub frozen: Vec<Ask>,
}

impl PlannedProbe {
    /// Makes a probe for one target.
    ///
    /// # Errors
    /// When the plugin refuses its configuration, panics or hangs.
    pub fn open(&self) -> Result<LoadedProbe> {
        self.plugin.open(&self.config, OpenOptions { deadline: DEADLINE })
    }

    /// Makes a probe for one target that is asked about what stands still.
    ///
    /// # Errors
    /// As [`PlannedProbe::open`].
    pub fn open_for_rounds(&self) -> Result<LoadedProbe> {
        self.plugin.open(&self.config, OpenOptions { deadline: freezing::ANSWER })
    }
}

/// Where plugins are looked for.
#[must_use]
pub fn search(global: &GlobalArgs) -> Search {
    #[cfg_attr(not(feature = "bundled"), allow(unused_mut, reason = "only bundling adds to it"))]
    let mut search = Search::new(SearchOptions {
        plugin_dirs: global.plugin_dir.clone(),
        ..SearchOptions::default()
    });
    #[cfg(feature = "bundled")]
    {
        search.bundle("process", plugin::table::<probe_process::ProcessProbe>());
        search.bundle("python", plugin::table::<probe_python::PythonProbe>());
        search.bundle("alloc", plugin::table::<probe_alloc::AllocProbe>());
    }
    search
}

impl Plan {
    /// Loads the preset and its plugins.
    ///
    /// # Errors
    /// When there is no such preset or it makes no sense, when a plugin that it names is not
    /// found, or when no plugin can be loaded.
    pub fn load(look: &LookArgs, global: &GlobalArgs) -> Result<Self> {
        let (preset, name) = Self::preset(look)?;
        let search = search(global);
        let mut plan = Self {
            level: preset.level,
            preset: name,
            probes: Vec::new(),
            freeze: look.freeze.into(),
            judging: diagnose::Settings { level: Some(preset.level) },
            issues: Vec::new(),
        };
        let extra = look.plugin.iter().map(|name| ProbeEntry::all_of(name));
        let mut first_error = None;
        for entry in preset.probes.into_iter().chain(extra) {
            match search.find(&entry.plugin) {
                Ok(plugin) => plan.probes.push(planned(plugin, entry, look)),
                // A name that nobody knows is a mistake of the caller; a plugin that is there
                // but broken must not take the others down.
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Err(error)
                        .with_context(|| format!("the preset `{}` cannot be run", plan.preset));
                }
                Err(error) => {
                    let mut issue = error.to_issue(Severity::Error);
                    issue.probe = Some(entry.plugin);
                    plan.issues.push(issue);
                    first_error.get_or_insert(error);
                }
            }
        }
        match first_error {
            Some(error) if plan.probes.is_empty() => Err(error),
            _ => Ok(plan),
        }
    }

    fn preset(look: &LookArgs) -> Result<(Preset, String)> {
        if let Some(name) = &look.preset {
            return Ok((preset::load(name)?, name.clone()));
        }
        let level = match look.level {
            LevelArg::High => Level::High,
            LevelArg::Medium => Level::Medium,
            LevelArg::Low => Level::Low,
        };
        Ok((preset::of_level(level)?, level.name().into()))
    }
}

fn planned(plugin: Plugin, entry: ProbeEntry, look: &LookArgs) -> PlannedProbe {
    let mut asks = entry.ask;
    if asks.is_empty() {
        asks.push(Ask {
            questions: Vec::new(),
            pace: Pace::Every(DEFAULT_EVERY),
            beside_copy: false,
        });
    }
    if let Some(every) = look.every {
        for ask in &mut asks {
            ask.pace = Pace::Every(every);
        }
    }
    let descriptor = plugin.descriptor();
    for ask in &mut asks {
        ask.beside_copy = descriptor.hold_beside_copy(&ask.questions);
    }
    let (asks, frozen) = match Method::from(look.freeze) {
        Method::None => (asks, Vec::new()),
        _ => apart(asks, descriptor),
    };
    PlannedProbe { plugin, config: entry.config, asks, frozen }
}

/// Splits off the questions that want a picture of one instant.
fn apart(asks: Vec<Ask>, descriptor: &Descriptor) -> (Vec<Ask>, Vec<Ask>) {
    let mut split = (Vec::new(), Vec::new());
    for mut ask in asks {
        if ask.questions.is_empty() && descriptor.questions.iter().any(|q| q.frozen) {
            ask.questions = descriptor.questions.iter().map(|q| q.name.clone()).collect();
        }
        let (frozen, live): (Vec<_>, Vec<_>) =
            ask.questions.iter().cloned().partition(|name| descriptor.wants_frozen(name));
        if frozen.is_empty() {
            split.0.push(ask);
            continue;
        }
        split.1.push(Ask { questions: frozen, ..ask });
        if !live.is_empty() {
            split.0.push(Ask { questions: live, ..ask });
        }
    }
    split
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::{Characteristics, Question};

    /// Only what a plugin declares is asked about a frozen target; "all" means all.
    #[test]
    fn questions_are_told_apart() {
        let mut descriptor = Descriptor {
            name: "p".into(),
            version: "1".into(),
            summary: "s".into(),
            level: Level::Medium,
            questions: vec![Question::new("a", &[], ""), Question::new("b", &[], "").frozen()],
            characteristics: Characteristics::default(),
        };
        let pace = Pace::Rounds(3);
        let ask = |names: &[&str]| Ask {
            questions: names.iter().map(|&name| name.into()).collect(),
            pace,
            beside_copy: false,
        };
        let all = apart(vec![ask(&[])], &descriptor);
        assert_eq!(all, (vec![ask(&["a"])], vec![ask(&["b"])]));
        assert_eq!(apart(vec![ask(&["b"])], &descriptor), (vec![], vec![ask(&["b"])]));
        assert_eq!(apart(vec![ask(&["a", "c"])], &descriptor), (vec![ask(&["a", "c"])], vec![]));
        descriptor.questions.pop();
        assert_eq!(apart(vec![ask(&[])], &descriptor), (vec![ask(&[])], vec![]));
    }
}
