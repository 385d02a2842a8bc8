//! How memory moves before, while and after something is changed.

use std::time::{Duration, Instant};

use diagnose::trial::Slope;
use diff::stats::Point;
use probe::tables::{gc, processes};
use probe::{Column, ErrorKind, Role, Table, Unit, Values};

use super::stage::Stage;

/// Points of a phase, at most so close together and at least so far apart.
const POINTS: u32 = 150;
const CLOSEST: Duration = Duration::from_millis(50);
const FARTHEST: Duration = Duration::from_millis(500);

/// A stretch of time, as it was measured.
#[derive(Debug)]
pub(super) struct Phase {
    pub(super) name: &'static str,
    pub(super) seconds: f64,
    /// Seconds and resident bytes.
    points: Vec<Point>,
    first: Figures,
    last: Figures,
}

/// Why a phase ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Its time was up.
    Due,
    /// The user, or what was measured, wanted an end.
    Early,
    /// The process has ended.
    Gone,
}

/// What is asked at the beginning and at the end of a phase only.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    rss: Option<u64>,
    uss: Option<u64>,
    cpu_ns: Option<u64>,
    objects: Option<u64>,
    collections: Option<u64>,
    collected: Option<u64>,
}

impl Phase {
    /// Measures for so long, and at each sample asks whether that should go on.
    pub(super) fn measure(
        stage: &mut Stage,
        name: &'static str,
        duration: Duration,
        mut go_on: impl FnMut() -> bool,
    ) -> (Self, End) {
        let every = (duration / POINTS).clamp(CLOSEST, FARTHEST);
        let first = Figures::read(stage);
        let began = Instant::now();
        let due = began + duration;
        let mut points = Vec::new();
        let end = loop {
            match resident(stage) {
                Ok(rss) => points.push((began.elapsed().as_secs_f64(), rss as f64)),
                Err(ErrorKind::TargetEnded | ErrorKind::NotFound) => break End::Gone,
                Err(_) => {}
            }
            let now = Instant::now();
            if now >= due {
                break End::Due;
            }
            if !go_on() || !stage.wait_until((now + every).min(due)) {
                break End::Early;
            }
        };
        let seconds = began.elapsed().as_secs_f64();
        let last = if end == End::Gone { Figures::default() } else { Figures::read(stage) };
        (Self { name, seconds, points, first, last }, end)
    }

    /// How fast resident memory grew.
    pub(super) fn slope(&self) -> Option<Slope> {
        Slope::of(&self.points)
    }

    /// Collections that ended in it.
    pub(super) fn collections(&self) -> Option<u64> {
        self.gone_up(|figures| figures.collections)
    }

    /// The part of a processor that it used.
    pub(super) fn cpu(&self) -> Option<f64> {
        let busy = self.gone_up(|figures| figures.cpu_ns)? as f64;
        (self.seconds > 0.0).then(|| busy / 1e9 / self.seconds)
    }

    fn gone_up(&self, figure: impl Fn(&Figures) -> Option<u64>) -> Option<u64> {
        figure(&self.last)?.checked_sub(figure(&self.first)?)
    }
}

/// Resident bytes of the process.
fn resident(stage: &mut Stage) -> Result<u64, ErrorKind> {
    let snapshot = stage.ask(&["rss"]).map_err(|error| error.kind())?;
    let pid = stage.target.pid;
    let rss = snapshot.table(processes::TABLE).and_then(|table| of(table, pid, processes::RSS));
    // The tree is there without its root when that has ended.
    rss.ok_or(ErrorKind::TargetEnded)
}

/// A figure of a process.
fn of(table: &Table, pid: u32, column: &str) -> Option<u64> {
    let is_it = |row: &usize| table.value(processes::PID, *row).as_u64() == Some(pid.into());
    table.value(column, (0..table.rows()).find(is_it)?).as_u64()
}

impl Figures {
    /// What cannot be read is missing.
    fn read(stage: &mut Stage) -> Self {
        let mut figures = Self::default();
        let pid = stage.target.pid;
        if let Ok(snapshot) = stage.ask(&["memory"])
            && let Some(table) = snapshot.table(processes::TABLE)
        {
            let figure = |column| of(table, pid, column);
            (figures.rss, figures.uss) = (figure(processes::RSS), figure(processes::USS));
            let both = figure(processes::CPU_USER).zip(figure(processes::CPU_SYSTEM));
            figures.cpu_ns = both.map(|(user, system)| user + system);
        }
        if let Ok(snapshot) = stage.ask(&["gc"])
            && let Some(table) = snapshot.table(gc::TABLE)
        {
            // One that is not known makes the sum unknown; the permanent generation has no
            // collections.
            let sum = |column: &str, all: bool| -> Option<u64> {
                let is_young = |row: &usize| {
                    all || table.value(gc::GENERATION, *row).as_str() != Some("permanent")
                };
                let values = (0..table.rows()).filter(is_young);
                values.map(|row| table.value(column, row).as_u64()).sum()
            };
            if table.rows() > 0 {
                figures.objects = sum(gc::OBJECTS, true);
                figures.collections = sum(gc::COLLECTIONS, false);
                figures.collected = sum(gc::COLLECTED, false);
            }
        }
        figures
    }
}

/// The phases as a table. Nothing in it is a measure: rows stay in the order of time.
pub(super) fn table(phases: &[Phase]) -> Table {
    let attribute = |name: &str, unit, values| Column::new(name, unit, Role::Attribute, values);
    let numbers =
        |cell: &dyn Fn(&Phase) -> Option<u64>| Values::U64(phases.iter().map(cell).collect());
    let slope = |cell: fn(Slope) -> f64| {
        Values::F64(phases.iter().map(|phase| phase.slope().map(cell)).collect())
    };
    let change = |figure: fn(&Figures) -> Option<u64>| {
        let change = |phase: &Phase| {
            let (first, last) = (figure(&phase.first)?, figure(&phase.last)?);
            i64::try_from(i128::from(last) - i128::from(first)).ok()
        };
        Values::I64(phases.iter().map(change).collect())
    };
    Table::new(
        "phases",
        vec![
            Column::text_key("phase", phases.iter().map(|phase| phase.name)),
            attribute("time", Unit::Ns, numbers(&|p| Some((p.seconds * 1e9) as u64))),
            attribute("rss_per_s", Unit::Bytes, slope(|s| s.bytes_per_s)),
            attribute("low", Unit::Bytes, slope(|s| s.low)),
            attribute("high", Unit::Bytes, slope(|s| s.high)),
            attribute("rss", Unit::Bytes, numbers(&|p| p.last.rss)),
            attribute("rss_change", Unit::Bytes, change(|figures| figures.rss)),
            attribute("uss_change", Unit::Bytes, change(|figures| figures.uss)),
            attribute("objects", Unit::Count, numbers(&|p| p.last.objects)),
            attribute("collections", Unit::Count, numbers(&|p| p.collections())),
            attribute(
                "collected",
                Unit::Count,
                numbers(&|p| p.gone_up(|figures| figures.collected)),
            ),
            attribute("cpu", Unit::Ratio, Values::F64(phases.iter().map(Phase::cpu).collect())),
        ],
    )
}
