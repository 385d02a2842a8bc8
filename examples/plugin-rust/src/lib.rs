//! A probe written outside of memprobe: what a process reads and writes, and how near it is to
//! being killed for its memory. Linux.
#![forbid(unsafe_code)]

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use probe::{
    Characteristics, Column, Descriptor, Error, ErrorKind, Level, Open, Probe, ProbeId, Question,
    Request, Result, Snapshot, Table, Taken, Unit,
};
use rustix::time::{ClockId, clock_gettime};
use serde::Deserialize;

// The only line that a plugin needs beside its probe.
plugin::export_probe!(IoProbe);

/// The configuration that a preset may give.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Leave out what the page cache served, and count what reached the disks only.
    pub disk_only: bool,
}

/// The probe.
#[derive(Debug)]
pub struct IoProbe {
    descriptor: Descriptor,
    config: Config,
}

impl Open for IoProbe {
    type Config = Config;

    fn describe() -> Descriptor {
        Descriptor {
            name: "io".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "what a process reads and writes, and how near it is to the OOM killer".into(),
            level: Level::High,
            questions: vec![
                Question::new("io", &["io"], "one read of /proc/PID/io"),
                Question::new("oom", &["oom"], "one read of /proc/PID/oom_score"),
            ],
            characteristics: Characteristics {
                availability: "Linux; `io` needs the rights of the process's user".into(),
                memory_granularity: "none".into(),
                execution_granularity: "process".into(),
                memory_cost: "none".into(),
                execution_cost: "none".into(),
                developer_cost: "none".into(),
            },
        }
    }

    fn open(config: Config) -> Result<Self> {
        Ok(Self { descriptor: Self::describe(), config })
    }
}

impl Probe for IoProbe {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn snapshot(&mut self, request: &Request) -> Result<Snapshot> {
        let pid = request.target.pid;
        if fs::metadata(format!("/proc/{pid}")).is_err() {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no process {pid}")));
        }
        let id = ProbeId {
            name: self.descriptor.name.clone(),
            version: self.descriptor.version.clone(),
        };
        let mut snapshot = Snapshot::new(id, request.target.clone(), now());
        if request.wants("io") {
            add(&mut snapshot, self.io(pid));
        }
        if request.wants("oom") {
            add(&mut snapshot, oom(pid));
        }
        tracing::debug!(pid, tables = snapshot.tables.len(), "looked");
        Ok(snapshot)
    }
}

/// What cannot be read is an issue; the rest is still worth having.
fn add(snapshot: &mut Snapshot, table: Result<Table>) {
    match table {
        Ok(table) => snapshot.tables.push(table),
        Err(error) => snapshot.lack(error.to_issue(probe::Severity::Warning)),
    }
}

impl IoProbe {
    fn io(&self, pid: u32) -> Result<Table> {
        let text = read(pid, "io")?;
        let field = |name: &str| {
            let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": "));
            line.and_then(|number| number.trim().parse::<u64>().ok())
        };
        let mut columns = vec![
            Column::id_key("pid", [u64::from(pid)]),
            Column::counter("disk_read", Unit::Bytes, [field("read_bytes")]),
            Column::counter("disk_written", Unit::Bytes, [field("write_bytes")]),
        ];
        if !self.config.disk_only {
            columns.push(Column::counter("read", Unit::Bytes, [field("rchar")]));
            columns.push(Column::counter("written", Unit::Bytes, [field("wchar")]));
        }
        Ok(Table::new("io", columns))
    }
}

fn oom(pid: u32) -> Result<Table> {
    let score = read(pid, "oom_score")?.trim().parse::<u64>().ok();
    let columns =
        vec![Column::id_key("pid", [u64::from(pid)]), Column::level("score", Unit::Count, [score])];
    Ok(Table::new("oom", columns))
}

fn read(pid: u32, file: &str) -> Result<String> {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).map_err(|e| Error::io(e, format!("cannot read {path}")))
}

fn now() -> Taken {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let monotonic = clock_gettime(ClockId::Monotonic);
    let monotonic_ns = monotonic.tv_sec as u64 * 1_000_000_000 + monotonic.tv_nsec as u64;
    Taken { unix_ns: unix.as_nanos() as u64, monotonic_ns }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::{Target, Value};

    fn own(questions: &[&str]) -> Request {
        Request::new(Target::from_pid(std::process::id()), questions)
    }

    /// Bytes that this process writes show up as written.
    #[test]
    fn what_is_written_is_counted() {
        let mut probe = IoProbe::open(Config::default()).unwrap();
        let mut written = || {
            let snapshot = probe.snapshot(&own(&["io"])).unwrap();
            match snapshot.table("io").unwrap().value("written", 0) {
                Value::U64(bytes) => bytes,
                other => panic!("no number: {other:?}"),
            }
        };
        let before = written();
        let path = std::env::temp_dir().join(format!("io-probe-{}", std::process::id()));
        fs::write(&path, vec![0; 100_000]).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(written() - before >= 100_000);
    }

    #[test]
    fn the_configuration_leaves_columns_out() {
        let mut probe = IoProbe::open(Config { disk_only: true }).unwrap();
        let snapshot = probe.snapshot(&own(&[])).unwrap();
        assert!(snapshot.table("io").unwrap().column("written").is_none());
        assert_eq!(snapshot.table("oom").unwrap().rows(), 1);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        let mut probe = IoProbe::open(Config::default()).unwrap();
        let nobody = Request::new(Target::from_pid(i32::MAX as u32), &[]);
        assert_eq!(probe.snapshot(&nobody).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
