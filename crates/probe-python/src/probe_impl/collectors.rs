//! The collectors of a look, and what is to be said of a version.

use probe::{Issue, Severity};

use super::Look;
use crate::collector::{Collector, Objects};
use crate::find::Runtime;
use crate::layout;
use crate::rows::{GenerationRow, Key};
use crate::state::Interpreter;

impl Look<'_> {
    /// What the reader should know of this version and build.
    pub(super) fn remark(&mut self, runtime: &Runtime) {
        let version = &runtime.version;
        if layout::table(version).is_ok_and(|table| !table.verified) {
            self.issues.push(Issue::info(format!(
                "Python {version} is read by its documented layout, which was not tested against \
                 an interpreter of this version"
            )));
        }
        let is_known = |t: &layout::Table| match t.offsets {
            layout::Offsets::Fixed(l) => l.collector != layout::Place::Unknown,
            layout::Offsets::InRuntime(_) => true,
        };
        if self.request.wants("gc") && layout::table(version).is_ok_and(|t| !is_known(t)) {
            self.lack(Issue::info(format!(
                "the collector of Python {version} is not read: that version keeps its state in \
                 variables that no symbol names"
            )));
        }
        if runtime.free_threaded && self.request.wants("gc") {
            self.lack(Issue::info(format!(
                "Python {version} is a free-threaded build, which keeps no lists of objects: \
                 objects per generation are missing"
            )));
        }
    }

    pub(super) fn collector(&mut self, key: Key, runtime: &Runtime, interpreter: &Interpreter) {
        match self.python.collector(runtime, interpreter, self.most_objects) {
            Ok(Some(collector)) => self.generations(key, &collector),
            Ok(None) => {}
            Err(error) => self.lack(error.to_issue(Severity::Warning)),
        }
    }

    fn generations(&mut self, key: Key, collector: &Collector) {
        let running = collector.collecting == Some(true);
        let generations = ["0", "1", "2"].into_iter().zip(collector.generations);
        let rows = generations
            .map(|(name, generation)| (name, Some(generation), generation.objects))
            .chain([("permanent", None, collector.permanent)]);
        for (name, generation, objects) in rows {
            if let Some(issue) = doubt(key, name, objects, running) {
                self.lack(issue);
            }
            let enabled = collector.enabled;
            let garbage = collector.garbage.filter(|_| name == "2");
            let row = GenerationRow { name, enabled, generation, objects, garbage };
            self.collectors.rows.push((key, row));
        }
    }
}

/// What is to be said of a number of objects that is not exact.
fn doubt(key: Key, name: &str, objects: Objects, running: bool) -> Option<Issue> {
    let place = format!("generation {name} of interpreter {}", key.interpreter);
    let why = if running { "a collection was running" } else { "the process changed it" };
    match objects {
        Objects::About(n) => Some(Issue::warning(format!(
            "the number of objects in {place}, {n}, is approximate: {why} while it was counted"
        ))),
        Objects::Unknown => Some(Issue::warning(format!(
            "the objects in {place} could not be counted: {why} at each try, or there are more \
             than the setting `most_objects` allows"
        ))),
        Objects::Exactly(_) | Objects::NoList => None,
    }
}
