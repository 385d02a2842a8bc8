//! What the tests of the host share.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use memprobe_plugin_host::{LoadedProbe, OpenOptions, Plugin, Search, SearchOptions};
use probe::{Request, Result, Target};
use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Long enough for a machine that is busy; only tests of hanging plugins wait for it.
pub(crate) const SOON: Duration = Duration::from_secs(2);

/// The library that Cargo built beside this test.
pub(crate) fn library(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let file =
        format!("{}memprobe_{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let path = own.parent().unwrap().join(file);
    assert!(path.is_file(), "{} is not built", path.display());
    path
}

/// A search in these folders alone.
pub(crate) fn search(folders: &[&Path]) -> Search {
    let plugin_dirs = folders.iter().map(|f| f.to_path_buf()).collect();
    Search::new(SearchOptions { plugin_dirs, env: false, install: false })
}

/// The plugin in a file.
pub(crate) fn load(path: &Path) -> Result<Plugin> {
    search(&[]).find(path.to_str().unwrap())
}

/// The misbehaving plugin, told to do this.
pub(crate) fn misbehave(mode: &str) -> Result<LoadedProbe> {
    load(&library("misbehaving"))?.open(&json!({ "mode": mode }), OpenOptions::default())
}

/// A request for this very process.
pub(crate) fn own() -> Request {
    Request::new(Target::from_pid(std::process::id()), &[])
}

/// An event as the host's subscriber sees it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) target: String,
    pub(crate) level: String,
    /// Fields as `name=value`, in order.
    pub(crate) fields: Vec<String>,
}

/// Hands events on.
pub(crate) struct Recorder(Mutex<Sender<Seen>>);

impl Recorder {
    pub(crate) fn new() -> (Self, Receiver<Seen>) {
        let (sender, receiver) = channel();
        (Self(Mutex::new(sender)), receiver)
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::INFO
    }
    fn max_level_hint(&self) -> Option<tracing::level_filters::LevelFilter> {
        Some(tracing::level_filters::LevelFilter::INFO)
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        struct Fields(Vec<String>);
        impl Visit for Fields {
            fn record_str(&mut self, field: &Field, value: &str) {
                self.0.push(format!("{field}={value}"));
            }
            fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
                self.0.push(format!("{field}={value:?}"));
            }
        }
        let mut fields = Fields(Vec::new());
        event.record(&mut fields);
        let metadata = event.metadata();
        let seen = Seen {
            target: metadata.target().into(),
            level: metadata.level().to_string(),
            fields: fields.0,
        };
        let _ = self.0.lock().unwrap().send(seen);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
