//! From a preset to plugins that are ready to be asked.

use std::time::Duration;

use plugin_host::{LoadedProbe, OpenOptions, Plugin, Search, SearchOptions};
use probe::{ErrorKind, Issue, Level, Result, ResultExt, Severity};

use crate::args::{GlobalArgs, LevelArg, LookArgs};
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
}

impl PlannedProbe {
    /// Makes a probe for one target.
    ///
    /// # Errors
    /// When the plugin refuses its configuration, panics or hangs.
    pub fn open(&self) -> Result<LoadedProbe> {
        self.plugin.open(&self.config, OpenOptions { deadline: DEADLINE })
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
            judging: diagnose::Settings { level: Some(preset.level) },
            issues: Vec::new(),
        };
        let extra = look.plugin.iter().map(|name| ProbeEntry::all_of(name));
        let mut first_error = None;
        for entry in preset.probes.into_iter().chain(extra) {
            match search.find(&entry.plugin) {
                Ok(plugin) => plan.probes.push(planned(plugin, entry, look.every)),
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

fn planned(plugin: Plugin, entry: ProbeEntry, every: Option<Duration>) -> PlannedProbe {
    let mut asks = entry.ask;
    if asks.is_empty() {
        asks.push(Ask { questions: Vec::new(), every: DEFAULT_EVERY });
    }
    if let Some(every) = every {
        for ask in &mut asks {
            ask.every = every;
        }
    }
    PlannedProbe { plugin, config: entry.config, asks }
}
