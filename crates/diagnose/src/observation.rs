//! What is collected over a run, and the verdict over it.

use diff::stats::Point;
use diff::{TableTrend, stats};
use probe::tables::{limits, mappings, processes};
use probe::{Finding, Snapshot};

use crate::account::{self, PartGrowth};
use crate::curve::{Curve, Decision};
use crate::findings;
use crate::footprint::{Footprint, number};
use crate::judge::{self, Context};
use crate::lanes::Lanes;
use crate::limit;
use crate::series::Series;
use crate::{Judgement, Settings};

/// Before so many seconds tables are not asked.
const LEAST_S: f64 = 6.0;

/// What is collected over a run, with bounded memory however long it lasts.
///
/// Figures of memory become series of at most some hundred points; of the snapshots
/// themselves at most 64 per probe, target and set of questions are kept, first and last
/// among them.
#[derive(Debug, Default)]
pub struct Observation {
    settings: Settings,
    /// Steady clock of the first snapshot, nanoseconds.
    start_ns: Option<u64>,
    footprint: Footprint,
    events: Series,
    lanes: Lanes,
}

impl Observation {
    /// An empty observation.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// Takes a snapshot of any probe, any target of the run, in order of time.
    pub fn push(&mut self, snapshot: Snapshot) {
        let seconds = self.seconds(snapshot.taken.monotonic_ns);
        if snapshot.beside_copy {
            return self.footprint.push_beside_copy(&snapshot, seconds);
        }
        self.footprint.push(&snapshot, seconds);
        self.lanes.push(snapshot);
    }

    /// Whether no snapshot has been taken yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Notes that `total` events have happened by this moment (same clock as the snapshots).
    pub fn event(&mut self, monotonic_ns: u64, total: u64) {
        let seconds = self.seconds(monotonic_ns);
        self.events.push(seconds, total as f64);
    }

    fn seconds(&mut self, monotonic_ns: u64) -> f64 {
        let start = *self.start_ns.get_or_insert(monotonic_ns);
        (i128::from(monotonic_ns) - i128::from(start)) as f64 / 1e9
    }

    /// The verdict so far. Cheap enough to be asked once a second.
    #[must_use]
    pub fn judge(&self) -> Judgement {
        let points = self.footprint.points();
        let curve = Curve::of(&self.footprint.unhindered(points.clone()));
        let leaks = curve.as_ref().is_some_and(|c| c.decision == Decision::Growing);
        if !leaks && let Some(judgement) = self.judge_file_pages() {
            return judgement;
        }
        let subject = match (self.footprint.most_processes(), self.footprint.targets()) {
            (0 | 1, _) => "Private memory".to_owned(),
            (n, 0 | 1) => format!("Private memory of the tree of {n} processes"),
            (n, _) => format!("Private memory of {n} processes"),
        };
        let mut judgement =
            judge::judgement(&points, curve.as_ref(), &self.context(subject.clone()));
        self.ask_tables(&mut judgement, &points, &subject);
        judgement
    }

    /// What tables say beside the curve: memory that nobody can give back is a leak however
    /// uneven its pace; what comes to an end by itself is none however steadily it grows.
    fn ask_tables(&self, judgement: &mut Judgement, points: &[Point], subject: &str) {
        let watched = judgement.series.last().map_or(0.0, |p| p.0);
        if watched < LEAST_S {
            return;
        }
        let curve = findings::Curve { points, start_ns: self.start_ns.unwrap_or(0) };
        if judgement.verdict.leak != Some(true)
            && let Some(cause) =
                findings::lost(&self.lanes, &curve, judgement.verdict.leak == Some(false))
        {
            judge::is_lost(judgement, &cause, subject);
        } else if judgement.verdict.leak != Some(false)
            && let Some(causes) = findings::bounded(&self.lanes, &curve)
        {
            judge::is_bounded(judgement, &causes, subject);
        }
    }

    /// File pages count only if the mapped address space grows with them: the pages of a file
    /// that is merely read come and go, and never exceed the file.
    fn judge_file_pages(&self) -> Option<Judgement> {
        let points = self.footprint.file_points();
        let curve = Curve::of(&self.footprint.unhindered(points.clone()))
            .filter(|c| c.decision == Decision::Growing)?;
        let sizes = self.file_sizes();
        let line = stats::theil_sen(&sizes)?;
        let rises = sizes.windows(2).filter(|w| w[1].1 > w[0].1).count() * 4 >= sizes.len() * 3;
        let enough = sizes.len() >= 5 && line.slope >= 0.5 * curve.line.slope && rises;
        let context = self.context("Memory of mapped files".into());
        enough.then(|| judge::judgement(&points, Some(&curve), &context))
    }

    /// Address space of mapped files over time, from the kept looks at mappings.
    fn file_sizes(&self) -> Vec<Point> {
        let size = |snapshot: &Snapshot| {
            let table = snapshot.table(mappings::TABLE)?;
            let is_file =
                |&row: &usize| table.value(mappings::KIND, row).as_str() == Some(mappings::FILE);
            let rows = (0..table.rows()).filter(is_file);
            Some(rows.filter_map(|r| number(table, mappings::SIZE, r)).sum::<f64>())
        };
        let looks = self.lanes.of(mappings::TABLE).next().unwrap_or_default();
        let start = self.start_ns.unwrap_or(0);
        let second = |s: &Snapshot| s.taken.monotonic_ns.saturating_sub(start) as f64 / 1e9;
        looks.iter().filter_map(|s| Some((second(s), size(s)?))).collect()
    }

    fn context(&self, subject: String) -> Context {
        let footprint = self.footprint.current().unwrap_or(0.0);
        let newest = |table| self.lanes.of(table).filter_map(<[Snapshot]>::last);
        let vss = newest(processes::TABLE).filter_map(limit::virtual_size).reduce(f64::max);
        let limit = newest(limits::TABLE)
            .filter_map(|s| limit::nearest(s, footprint, vss))
            .min_by(|a, b| a.room.total_cmp(&b.room));
        Context { subject, limit, events: self.events.points() }
    }

    /// The findings that go with it, most important first.
    #[must_use]
    pub fn findings(&self, judgement: &Judgement) -> Vec<Finding> {
        findings::all(&self.lanes, judgement, self.settings.level)
    }

    /// In which parts of memory the growth of the last regime is, most first; empty where memory
    /// was not told apart twice.
    #[must_use]
    pub fn account(&self, judgement: &Judgement) -> Vec<PartGrowth> {
        let start = self.start_ns.unwrap_or(0);
        let warmup = (judgement.warmup_s.max(0.0) * 1e9) as u64;
        account::by_part(&self.lanes, start.saturating_add(warmup))
    }

    /// Trends of all tables that were pushed, by table, most growth first. With several
    /// targets, tables that do not tell processes apart get a first key `target`, the PID.
    #[must_use]
    pub fn trends(&self) -> Vec<TableTrend> {
        let several = self.footprint.targets() > 1;
        let mut all: Vec<TableTrend> = Vec::new();
        for (name, kept) in self.lanes.tables() {
            let looks: Vec<&Snapshot> = kept.iter().collect();
            let Some(mut trend) = diff::trend_of(&looks, name) else { continue };
            if several && !trend.keys.iter().any(|k| k == processes::PID) {
                let pid = looks.first().map_or(0, |s| s.target.pid).to_string();
                trend.keys.insert(0, "target".into());
                trend.rows.iter_mut().for_each(|r| r.keys.insert(0, pid.clone()));
            }
            let twin = |t: &&mut TableTrend| {
                t.probe == trend.probe
                    && t.table == trend.table
                    && t.keys == trend.keys
                    && t.measures == trend.measures
            };
            match all.iter_mut().find(twin) {
                Some(twin) => {
                    twin.rows.append(&mut trend.rows);
                    twin.unchanged += trend.unchanged;
                }
                None => all.push(trend),
            }
        }
        all
    }

    /// Events per second, from the first count to the last; `None` where they were not counted.
    #[must_use]
    pub fn events_per_s(&self) -> Option<f64> {
        let points = self.events.points();
        let (first, last) = (points.first()?, points.last()?);
        (last.0 > first.0).then(|| (last.1 - first.1) / (last.0 - first.0))
    }

    /// Seconds from the first snapshot to the last look at processes.
    #[must_use]
    pub fn watched_s(&self) -> f64 {
        self.footprint.last_look().unwrap_or(0.0)
    }

    /// The highest number of processes seen at once.
    #[must_use]
    pub fn processes(&self) -> usize {
        self.footprint.most_processes()
    }
}
