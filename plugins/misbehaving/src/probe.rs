//! What a probe can do wrong within the trait.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use probe::{
    Characteristics, Column, Descriptor, Error, ErrorKind, Issue, Level, Open, Probe, ProbeId,
    Question, Request, Result, Snapshot, Table, Taken, Target, Unit,
};
use serde::Deserialize;

use crate::files;

/// What it is told to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    #[default]
    Behave,
    // While opening.
    PanicAtOpen,
    HangAtOpen,
    // While looking.
    PanicAtSnapshot,
    PanicAtDrop,
    Hang,
    HangUntilCancelled,
    HangAtClose,
    UnevenColumns,
    WrongSchema,
    OtherTarget,
    NoSuchTarget,
    Log,
    LogFromThread,
    LogALot,
    // With files; see `files`.
    FileHonest,
    FileMissing,
    FileLies,
    FileOutside,
    FileUnasked,
    // Below the trait; see `raw`.
    Garbage,
    NotUtf8,
    TruncatedJson,
    NullWithLength,
    TooLong,
    ErrorWithoutMessage,
    PlainTextError,
    UnknownStatus,
    NoHandle,
    ReleaseTwice,
}

/// The configuration.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) mode: Mode,
}

/// The probe.
pub(crate) struct Misbehaving {
    descriptor: Descriptor,
    mode: Mode,
}

impl Open for Misbehaving {
    type Config = Config;

    fn describe() -> Descriptor {
        Descriptor {
            name: "misbehaving".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "does on command all that a plugin must not; for tests".into(),
            level: Level::High,
            questions: vec![Question::new("trouble", &["trouble"], "your patience")],
            characteristics: Characteristics::default(),
        }
    }

    fn open(config: Config) -> Result<Self> {
        match config.mode {
            Mode::PanicAtOpen => panic!("told to panic at open"),
            Mode::HangAtOpen => hang(),
            _ => {}
        }
        Ok(Self { descriptor: Self::describe(), mode: config.mode })
    }
}

impl Probe for Misbehaving {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn snapshot(&mut self, request: &Request) -> Result<Snapshot> {
        let mut snapshot = honest(request)?;
        match self.mode {
            Mode::PanicAtSnapshot => panic!("told to panic at snapshot {}", 1),
            Mode::Hang => hang(),
            Mode::HangUntilCancelled => wait_for_cancel()?,
            Mode::UnevenColumns => {
                let values = [Some(1), Some(2), Some(3)];
                snapshot.tables[0].columns.push(Column::level("uneven", Unit::Bytes, values));
            }
            Mode::WrongSchema => snapshot.schema = Snapshot::SCHEMA + 1,
            Mode::OtherTarget => snapshot.target = Target::from_pid(request.target.pid ^ 1),
            Mode::NoSuchTarget => {
                return Err(Error::new(ErrorKind::NotFound, "there is no such process")
                    .context("looking for trouble")
                    .with_hint("look elsewhere"));
            }
            Mode::Log => log(),
            Mode::LogFromThread => {
                let _ = std::thread::spawn(log).join();
            }
            Mode::LogALot => (0..100_000).for_each(|n| tracing::info!(n, "line")),
            mode => files::add(mode, request, &mut snapshot)?,
        }
        Ok(snapshot)
    }
}

impl Drop for Misbehaving {
    fn drop(&mut self) {
        match self.mode {
            Mode::PanicAtDrop => panic!("told to panic at drop"),
            Mode::HangAtClose => hang(),
            _ => {}
        }
    }
}

fn log() {
    tracing::info!(answer = 42, "a word from inside");
    tracing::trace!("a whisper from inside");
}

/// What a good plugin would say.
fn honest(request: &Request) -> Result<Snapshot> {
    let pid = request.target.pid;
    if pid == 0 || !std::path::Path::new("/proc").join(pid.to_string()).exists() {
        return Err(Error::new(ErrorKind::NotFound, format!("there is no process {pid}")));
    }
    let id = ProbeId { name: "misbehaving".into(), version: env!("CARGO_PKG_VERSION").into() };
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let taken = Taken { unix_ns: unix.as_nanos() as u64, monotonic_ns: unix.as_nanos() as u64 };
    let mut snapshot = Snapshot::new(id, request.target.clone(), taken);
    snapshot.issues.push(Issue::info("this is a test"));
    if !request.wants("trouble") {
        return Ok(snapshot);
    }
    snapshot.tables.push(Table::new(
        "trouble",
        vec![
            Column::id_key("pid", [u64::from(pid)]),
            Column::level("trouble", Unit::Bytes, [Some(0)]),
        ],
    ));
    Ok(snapshot)
}

/// Never comes back.
pub(crate) fn hang() -> ! {
    loop {
        std::thread::park();
    }
}

/// Comes back once the host has given up, and says so.
fn wait_for_cancel() -> Result<()> {
    while !plugin::is_cancelled() {
        std::thread::sleep(Duration::from_millis(1));
    }
    tracing::info!("given up");
    Err(Error::new(ErrorKind::Cancelled, "given up"))
}
