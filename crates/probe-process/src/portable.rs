//! The fallback for platforms other than Linux, on `sysinfo`: questions `rss` and `memory`.
//!
//! Tested on Linux only, where it is compiled for the tests; on macOS and Windows it is untested.

use std::time::Instant;

use probe::tables::processes;
use probe::{
    Characteristics, Column, Descriptor, Error, ErrorKind, Issue, Level, Open, Probe, ProbeId,
    Question, Request, Result, Role, Snapshot, Table, Taken, Target, Unit, Values,
};
use serde::Deserialize;
use sysinfo::{Pid, Process, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

use crate::figures::{Memory, Rss, Source};

/// What a preset may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Whether descendants are watched too.
    pub tree: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { tree: true }
    }
}

/// Measures one process by the platform's own interface.
#[derive(Debug)]
pub struct ProcessSampler {
    system: System,
    target: Target,
}

impl ProcessSampler {
    /// Attaches to the process that has this PID now.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is no such process.
    pub fn attach(pid: u32) -> Result<Self> {
        Self::attach_to(&Target::from_pid(pid))
    }

    /// Attaches to a process that is known already.
    ///
    /// # Errors
    /// As [`ProcessSampler::attach`]; [`ErrorKind::TargetEnded`] when its PID belongs to another
    /// process by now.
    pub fn attach_to(target: &Target) -> Result<Self> {
        let mut system = new_system()?;
        refresh(&mut system, ProcessesToUpdate::Some(&[Pid::from_u32(target.pid)]));
        let Some(process) = system.process(Pid::from_u32(target.pid)) else {
            let message = format!("there is no process {}", target.pid);
            return Err(Error::new(ErrorKind::NotFound, message).with_hint("check the PID"));
        };
        let found = Target { python: target.python.clone(), ..identity(process) };
        if !found.is_same_process(target) {
            let message = format!("the PID {} now belongs to another process", target.pid);
            return Err(Error::new(ErrorKind::TargetEnded, message));
        }
        Ok(Self { system, target: found })
    }

    /// The process.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Resident set and address space.
    ///
    /// # Errors
    /// [`ErrorKind::TargetEnded`] when the process has ended.
    pub fn rss(&mut self) -> Result<Rss> {
        let process = self.process()?;
        Ok(Rss { rss: process.memory(), rss_anon: None, vss: process.virtual_memory() })
    }

    /// What this platform tells: the rest is missing.
    ///
    /// # Errors
    /// [`ErrorKind::TargetEnded`] when the process has ended.
    pub fn memory(&mut self) -> Result<Memory> {
        Ok(memory_of(self.process()?))
    }

    fn process(&mut self) -> Result<&Process> {
        let pid = Pid::from_u32(self.target.pid);
        refresh(&mut self.system, ProcessesToUpdate::Some(&[pid]));
        let process = self.system.process(pid);
        process.filter(|p| identity(p).is_same_process(&self.target)).ok_or_else(|| {
            let message = format!("process {} has ended", self.target.pid);
            Error::new(ErrorKind::TargetEnded, message)
        })
    }
}

fn new_system() -> Result<System> {
    System::new().map_err(|e| {
        Error::new(ErrorKind::Unsupported, "this platform does not tell about processes")
            .with_source(e)
    })
}

fn refresh(system: &mut System, which: ProcessesToUpdate<'_>) {
    let what = ProcessRefreshKind::nothing()
        .with_memory()
        .with_cpu()
        .with_exe(UpdateKind::OnlyIfNotSet)
        .with_cmd(UpdateKind::OnlyIfNotSet);
    system.refresh_processes_specifics(which, true, what);
}

fn identity(process: &Process) -> Target {
    let arguments: Vec<_> = process.cmd().iter().map(|a| a.to_string_lossy()).collect();
    Target {
        pid: process.pid().as_u32(),
        // Seconds: the best mark that all platforms share.
        start_id: process.start_time(),
        started_unix_ns: process.start_time().checked_mul(1_000_000_000),
        command: arguments.join(" "),
        exe: process.exe().map(|path| path.to_string_lossy().into_owned()),
        python: None,
    }
}

fn memory_of(process: &Process) -> Memory {
    Memory {
        source: Source::Platform,
        name: Some(process.name().to_string_lossy().into_owned()),
        rss: Some(process.memory()),
        vss: Some(process.virtual_memory()),
        ..Memory::default()
    }
}

/// The probe `process` with what all platforms have.
#[derive(Debug)]
pub struct ProcessProbe {
    descriptor: Descriptor,
    config: Config,
    system: System,
    clock: Instant,
}

impl Open for ProcessProbe {
    type Config = Config;

    fn describe() -> Descriptor {
        let question = |name| Question::new(name, &[processes::TABLE], "a list of all processes");
        Descriptor {
            name: "process".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "resident set and CPU time of a process and its tree".into(),
            level: Level::High,
            questions: vec![question("rss"), question("memory")],
            characteristics: Characteristics {
                availability: "macOS and Windows: untested".into(),
                memory_granularity: "process".into(),
                execution_granularity: "process".into(),
                memory_cost: "none in the target".into(),
                execution_cost: "none in the target".into(),
                developer_cost: "none".into(),
            },
        }
    }

    fn open(config: Config) -> Result<Self> {
        let (descriptor, system) = (Self::describe(), new_system()?);
        Ok(Self { descriptor, config, system, clock: Instant::now() })
    }
}

impl Probe for ProcessProbe {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn snapshot(&mut self, request: &Request) -> Result<Snapshot> {
        let started = Instant::now();
        let sampler = ProcessSampler::attach_to(&request.target)?;
        refresh(&mut self.system, ProcessesToUpdate::All);
        let id = ProbeId { name: "process".into(), version: env!("CARGO_PKG_VERSION").into() };
        let mut snapshot = Snapshot::new(id, sampler.target, self.now());
        let pids = self.tree(Pid::from_u32(request.target.pid));
        let rows: Vec<&Process> = pids.iter().filter_map(|&p| self.system.process(p)).collect();
        snapshot.tables.push(table(&rows, Pid::from_u32(request.target.pid)));
        snapshot.lack(Issue::warning(
            "on this platform only resident set, address space and CPU time are known",
        ));
        snapshot.duration_ns = nanos(started);
        Ok(snapshot)
    }
}

fn nanos(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

impl ProcessProbe {
    fn now(&self) -> Taken {
        let unix = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let unix_ns = unix.map_or(0, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX));
        Taken { unix_ns, monotonic_ns: nanos(self.clock) }
    }

    /// The process and its descendants.
    fn tree(&self, root: Pid) -> Vec<Pid> {
        let mut tree = vec![root];
        let mut next = 0;
        while self.config.tree && next < tree.len() {
            let parent = Some(tree[next]);
            let children = self.system.processes().values().filter(|p| p.parent() == parent);
            // Threads are listed as processes on Linux.
            let new: Vec<Pid> = children
                .filter(|p| p.thread_kind().is_none())
                .map(Process::pid)
                .filter(|pid| !tree.contains(pid))
                .collect();
            tree.extend(new);
            next += 1;
        }
        tree
    }
}

fn table(rows: &[&Process], root: Pid) -> Table {
    let parent = |p: &&Process| {
        p.parent().filter(|_| p.pid() != root).map(|parent| u64::from(parent.as_u32()))
    };
    let parents = rows.iter().map(parent).collect();
    let cpu = |p: &&Process| p.accumulated_cpu_time().checked_mul(1_000_000);
    Table::new(
        processes::TABLE,
        vec![
            Column::id_key(processes::PID, rows.iter().map(|p| u64::from(p.pid().as_u32()))),
            Column::id_key(processes::START_ID, rows.iter().map(|p| p.start_time())),
            Column::new(processes::PARENT, Unit::None, Role::Attribute, Values::U64(parents)),
            Column::text(processes::NAME, rows.iter().map(|p| memory_of(p).name)),
            Column::level(processes::RSS, Unit::Bytes, rows.iter().map(|p| Some(p.memory()))),
            Column::level(
                processes::VSS,
                Unit::Bytes,
                rows.iter().map(|p| Some(p.virtual_memory())),
            ),
            // The platforms give the sum of user and system only.
            Column::counter(processes::CPU_USER, Unit::Ns, rows.iter().map(cpu)),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::Value;
    use test_support::Running;

    const PARENT: &str = "import subprocess, sys\n\
        held = bytearray(b'x') * (32 << 20)\n\
        child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n\
        print(child.pid)\ninput()";

    #[test]
    fn a_process_and_its_child_are_measured() {
        let mut parent = Running::python(&test_support::python(), PARENT);
        let target = ProcessSampler::attach(parent.pid()).unwrap().target().clone();
        let mut probe = ProcessProbe::open(Config::default()).unwrap();
        let snapshot = probe.snapshot(&Request::new(target.clone(), &["memory"])).unwrap();
        let table = snapshot.table(processes::TABLE).unwrap();
        table.check().unwrap();
        let pids: Vec<_> = (0..table.rows()).map(|r| table.value("pid", r).as_u64()).collect();
        assert_eq!(pids, [Some(u64::from(parent.pid())), parent.ready.parse().ok()]);
        assert!(table.value("rss", 0).as_u64().unwrap() >= 32 << 20);
        assert_eq!(table.value("parent", 1), Value::U64(u64::from(parent.pid())));
        parent.kill();
        let gone = probe.snapshot(&Request::new(target, &["memory"])).unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::NotFound);
    }
}
