//! What a plugin logs reaches the host's subscriber, once, under the plugin's name.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops where it cannot go on")]

mod common;

use common::{Recorder, Seen, misbehave, own};
use memprobe_plugin_host::OpenOptions;
use probe::{
    Characteristics, Descriptor, ErrorKind, Level, Open, Probe, Request, Result, Snapshot,
};
use serde_json::json;

fn word(target: &str, origin: &str) -> Seen {
    Seen {
        target: target.into(),
        level: "INFO".into(),
        fields: vec!["message=a word from inside answer=42".into(), format!("origin={origin}")],
    }
}

/// What the subscriber saw from plugins while this ran.
fn heard(code: impl FnOnce()) -> Vec<Seen> {
    let (recorder, seen) = Recorder::new();
    tracing::subscriber::with_default(recorder, code);
    seen.try_iter().filter(|e| e.target != "memprobe_plugin_host").collect()
}

/// The whisper at trace level is not passed on, since the subscriber takes info and up.
#[test]
fn an_event_in_a_loaded_plugin_is_heard_once_under_its_name() {
    let seen = heard(|| drop(misbehave("log").unwrap().snapshot(&own()).unwrap()));
    assert_eq!(seen, [word("plugin::misbehaving", "memprobe_misbehaving::probe")]);
}

#[test]
fn an_event_of_a_thread_that_the_plugin_started_is_heard_too() {
    // The first probe of the process is the one whose listener hears such threads, so this is
    // asked in a process of its own.
    const CHILD: &str = "MEMPROBE_TEST_THREAD";
    if std::env::var_os(CHILD).is_some() {
        let seen = heard(|| drop(misbehave("log-from-thread").unwrap().snapshot(&own()).unwrap()));
        assert_eq!(seen, [word("plugin::misbehaving", "memprobe_misbehaving::probe")]);
        return;
    }
    let test = "an_event_of_a_thread_that_the_plugin_started_is_heard_too";
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env(CHILD, "1")
        .status()
        .unwrap();
    assert!(status.success());
}

/// A probe that is linked into this program.
struct Linked(Descriptor);

impl Open for Linked {
    type Config = serde_json::Value;

    fn describe() -> Descriptor {
        Descriptor {
            name: "linked".into(),
            version: "1".into(),
            summary: "logs".into(),
            level: Level::High,
            questions: Vec::new(),
            characteristics: Characteristics::default(),
        }
    }

    fn open(_: serde_json::Value) -> Result<Self> {
        Ok(Self(Self::describe()))
    }
}

impl Probe for Linked {
    fn descriptor(&self) -> &Descriptor {
        &self.0
    }

    fn snapshot(&mut self, request: &Request) -> Result<Snapshot> {
        tracing::info!(answer = 42, "a word from inside");
        tracing::trace!("a whisper from inside");
        assert!(request.questions.is_empty(), "told to panic");
        Ok(Snapshot::new(Default::default(), request.target.clone(), Default::default()))
    }
}

/// Both sides share one `tracing` here, and nothing is heard twice or lost.
#[test]
fn an_event_in_a_linked_probe_is_heard_once_under_its_name() {
    let mut search = common::search(&[]);
    search.bundle("linked", plugin::table::<Linked>());
    let seen = heard(|| {
        let plugin = search.find("linked").unwrap();
        assert_eq!(plugin.origin(), "bundled");
        let mut probe = plugin.open(&json!({}), OpenOptions::default()).unwrap();
        probe.snapshot(&own()).unwrap();
    });
    assert_eq!(seen, [word("plugin::linked", "log")]);
}

/// The same guard stands before a linked probe.
#[test]
fn a_linked_probe_that_panics_is_survived_and_named() {
    let mut search = common::search(&[]);
    search.bundle("linked", plugin::table::<Linked>());
    let plugin = search.find("linked").unwrap();
    let mut probe = plugin.open(&json!({}), OpenOptions::default()).unwrap();
    let error = probe.snapshot(&Request { questions: vec!["panic".into()], ..own() }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panicked);
    assert_eq!(format!("{error:#}"), "plugin `linked` (bundled): panicked: told to panic");
}
