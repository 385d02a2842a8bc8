//! From the tables of the standard vocabulary to the series that are judged.
//!
//! The footprint is what cannot be dropped: anonymous memory, shared memory and swap of all
//! processes of all targets, and shared-memory files that no process of them has mapped. File
//! pages are a series of their own: the kernel takes them back when it must.

use std::collections::{HashMap, HashSet};

use diff::stats::Point;
use probe::tables::{processes, shared_memory};
use probe::{Snapshot, Table, Value};

use crate::series::{Series, interpolate};

/// Looks at exact figures from which on they are preferred to cheap ones.
const LEAST_EXACT: usize = 12;
/// From this share of the watch on it matters that a process waited for a core;
const LEAST_WAITED: f64 = 0.1;
/// no more than this share is believed.
const MOST_WAITED: f64 = 0.98;
/// Looks are at least so far apart, seconds.
const LEAST_STEP_S: f64 = 1e-3;
/// A target that turns up within so many seconds of the first belongs to the start.
const START_S: f64 = 3.0;

/// A process across snapshots.
type Process = (u64, u64);

/// What is known of one process.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    /// Anonymous and shared memory and swap, each page divided by the processes that have it.
    divided: Option<f64>,
    /// The same with every page counted whole.
    whole: Option<f64>,
    /// Anonymous memory by the cheap figure.
    cheap: Option<f64>,
    /// Shared memory and swap, as they are in `whole`.
    shared: Option<f64>,
    /// File pages.
    file: Option<f64>,
    /// Seconds for which the main thread has waited for a core.
    waited: Option<f64>,
}

/// What is known of one target of the run.
#[derive(Debug, Default)]
struct TargetState {
    processes: HashMap<Process, Figures>,
    unmapped: Option<f64>,
}

/// The judged series, as they grow.
#[derive(Debug, Default)]
pub(crate) struct Footprint {
    targets: HashMap<(u32, u64), TargetState>,
    divided: Series,
    whole: Series,
    cheap: Series,
    file: Series,
    unmapped: Series,
    /// Seconds for which the process has waited for a core.
    waited: Series,
    /// The highest number of processes seen at once.
    most_processes: usize,
}

impl Footprint {
    /// Takes what a snapshot says about memory.
    pub(crate) fn push(&mut self, snapshot: &Snapshot, seconds: f64) {
        let key = (snapshot.target.pid, snapshot.target.start_id);
        if let Some(table) = snapshot.table(processes::TABLE) {
            self.processes(key, table, seconds);
        }
        if let Some(table) = snapshot.table(shared_memory::TABLE) {
            let rows = 0..table.rows();
            let bytes = rows.filter_map(|r| number(table, shared_memory::UNMAPPED, r)).sum();
            self.target(key, seconds).unmapped = Some(bytes);
            let all: f64 = self.targets.values().filter_map(|t| t.unmapped).sum();
            self.unmapped.push(seconds, all);
        }
    }

    fn target(&mut self, key: (u32, u64), seconds: f64) -> &mut TargetState {
        // Targets of one run are looked at one after the other: the first sums lack the last.
        if !self.targets.contains_key(&key) && seconds < START_S {
            let all = [&mut self.divided, &mut self.whole, &mut self.cheap, &mut self.file];
            all.into_iter().for_each(Series::clear);
            self.unmapped.clear();
        }
        self.targets.entry(key).or_default()
    }

    fn processes(&mut self, key: (u32, u64), table: &Table, seconds: f64) {
        let root_lives = (0..table.rows())
            .find(|&row| number(table, processes::PID, row) == Some(f64::from(key.0)))
            .is_none_or(|row| figures(table, row).is_known());
        if table.rows() == 0 || !root_lives {
            return;
        }
        let state = self.target(key, seconds);
        let mut now = HashMap::with_capacity(table.rows());
        for row in 0..table.rows() {
            let process = process(table, row);
            let seen = figures(table, row);
            let held = state.processes.get(&process).copied().unwrap_or_default();
            now.insert(process, seen.or(held));
        }
        state.processes = now;
        self.add_points(is_exact(table), false, seconds);
    }

    /// Takes what a snapshot says that was taken beside a copy of the target: how much anonymous
    /// memory its processes have, each page whole. Others may be the copy; shares of pages, and
    /// shared memory, which is known by them, are as they were before.
    pub(crate) fn push_beside_copy(&mut self, snapshot: &Snapshot, seconds: f64) {
        let key = (snapshot.target.pid, snapshot.target.start_id);
        let table = snapshot.table(processes::TABLE);
        let Some((state, table)) = self.targets.get_mut(&key).zip(table) else { return };
        let exact = is_exact(table);
        for row in 0..table.rows() {
            let known = state.processes.get_mut(&process(table, row));
            let anonymous = number(table, processes::RSS_ANON, row);
            let Some((known, anonymous)) = known.zip(anonymous) else { continue };
            known.cheap = Some(anonymous);
            known.waited = waited(table, row).or(known.waited);
            known.whole = known.shared.map(|shared| anonymous + shared).or(known.whole);
        }
        self.add_points(exact, true, seconds);
    }

    fn add_points(&mut self, exact: bool, beside_copy: bool, seconds: f64) {
        let mut seen = HashSet::new();
        let each = self.targets.values().flat_map(|t| &t.processes);
        let all: Vec<Figures> =
            each.filter(|(process, _)| seen.insert(**process)).map(|(_, f)| *f).collect();
        self.most_processes = self.most_processes.max(all.len());
        let sum = |of: fn(&Figures) -> Option<f64>| all.iter().filter_map(of).reduce(|a, b| a + b);
        let add = |series: &mut Series, value: Option<f64>| {
            if let Some(value) = value {
                series.push(seconds, value);
            }
        };
        add(&mut self.cheap, sum(|f| f.cheap));
        if exact && !beside_copy {
            add(&mut self.divided, sum(|f| f.divided.or(f.whole)));
            add(&mut self.file, sum(|f| f.file));
        }
        if exact {
            add(&mut self.waited, sum(|f| f.waited));
            add(&mut self.whole, sum(|f| f.whole.or(f.divided)));
        }
    }

    /// The highest number of processes seen at once.
    pub(crate) fn most_processes(&self) -> usize {
        self.most_processes
    }

    /// Number of targets.
    pub(crate) fn targets(&self) -> usize {
        self.targets.len()
    }

    /// The footprint over time. Exact figures are preferred where there are enough of them;
    /// of a single process every page counts whole, since what others share with it may
    /// change without its doing.
    pub(crate) fn points(&self) -> Vec<Point> {
        let exact = if self.most_processes <= 1 { &self.whole } else { &self.divided };
        let (exact, cheap) = (exact.points(), self.cheap.points());
        let enough = exact.len() >= LEAST_EXACT || exact.len() * 2 >= cheap.len();
        let base = if enough { exact } else { cheap };
        let unmapped = self.unmapped.points();
        if unmapped.iter().all(|p| p.1 == 0.0) {
            return base;
        }
        // Files are looked at less often: in between they are taken to grow evenly, and after
        // the last look nothing is known.
        let last = unmapped.last().map_or(0.0, |p| p.0);
        let known = base.into_iter().take_while(|p| p.0 <= last);
        known.map(|(t, v)| (t, v + interpolate(&unmapped, t).unwrap_or(0.0))).collect()
    }

    /// Points over the time for which the process had a core or did not want one, stretched to the
    /// length of the watch: on a busy machine the pace of a program is that of the machine.
    /// As they are where there are several processes, and where it has hardly waited.
    pub(crate) fn unhindered(&self, points: Vec<Point>) -> Vec<Point> {
        let waited = self.waited.points();
        let ends = points.first().zip(points.last());
        let Some((first, last)) = ends.filter(|_| self.most_processes <= 1) else { return points };
        let (first, watched) = (first.0, last.0 - first.0);
        let at = |t: f64| {
            interpolate(&waited, t).unwrap_or(0.0) - interpolate(&waited, first).unwrap_or(0.0)
        };
        let lost = at(first + watched).clamp(0.0, MOST_WAITED * watched);
        if lost < LEAST_WAITED * watched {
            return points;
        }
        let stretch = watched / (watched - lost);
        let mut behind = f64::NEG_INFINITY;
        let moved = |(t, value): Point| {
            let unhindered = first + (t - first - at(t)).max(0.0) * stretch;
            behind = unhindered.max(behind + LEAST_STEP_S);
            (behind, value)
        };
        points.into_iter().map(moved).collect()
    }

    /// File pages over time.
    pub(crate) fn file_points(&self) -> Vec<Point> {
        self.file.points()
    }

    /// The last known footprint, bytes.
    pub(crate) fn current(&self) -> Option<f64> {
        self.points().last().map(|p| p.1)
    }

    /// The moment of the last look at processes.
    pub(crate) fn last_look(&self) -> Option<f64> {
        [&self.cheap, &self.whole, &self.divided]
            .iter()
            .filter_map(|s| s.last())
            .map(|p| p.0)
            .max_by(f64::total_cmp)
    }
}

impl Figures {
    fn is_known(&self) -> bool {
        self.divided.or(self.whole).or(self.cheap).is_some()
    }

    fn or(self, held: Self) -> Self {
        Self {
            divided: self.divided.or(held.divided),
            whole: self.whole.or(held.whole),
            cheap: self.cheap.or(held.cheap),
            shared: self.shared.or(held.shared),
            file: self.file.or(held.file),
            waited: self.waited.or(held.waited),
        }
    }
}

fn process(table: &Table, row: usize) -> Process {
    let mark = |name| table.value(name, row).as_u64().unwrap_or(0);
    (mark(processes::PID), mark(processes::START_ID))
}

fn waited(table: &Table, row: usize) -> Option<f64> {
    number(table, processes::CPU_WAITED, row).map(|ns| ns / 1e9)
}

fn is_exact(table: &Table) -> bool {
    table.column(processes::PSS_ANON).or(table.column(processes::RSS_SHMEM)).is_some()
}

/// The figures of a row. The cheap question fills fewer columns than the exact one.
fn figures(table: &Table, row: usize) -> Figures {
    let get = |name| number(table, name, row);
    let sum = |anon: Option<f64>, shared: Option<f64>, swap: Option<f64>| {
        anon.map(|a| a + shared.unwrap_or(0.0) + swap.unwrap_or(0.0))
    };
    let anon = get(processes::RSS_ANON);
    let swap = get(processes::SWAP);
    // The kernel reports the resident shared part only loosely; the divided one is exact.
    let shared = get(processes::PSS_SHMEM).or_else(|| get(processes::RSS_SHMEM));
    let divided = sum(get(processes::PSS_ANON), shared, get(processes::SWAP_PSS).or(swap));
    let is_exact = shared.is_some() || divided.is_some();
    Figures {
        divided,
        whole: is_exact.then(|| sum(anon, shared, swap)).flatten(),
        cheap: anon,
        shared: is_exact.then(|| shared.unwrap_or(0.0) + swap.unwrap_or(0.0)),
        waited: waited(table, row),
        file: get(processes::PSS_FILE).or_else(|| get(processes::RSS_FILE)),
    }
}

/// A number of a table that makes sense as a quantity of memory.
pub(crate) fn number(table: &Table, column: &str, row: usize) -> Option<f64> {
    match table.value(column, row) {
        Value::Missing => None,
        value => value.as_f64().filter(|v| v.is_finite() && *v >= 0.0),
    }
}
