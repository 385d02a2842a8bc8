//! `memprobe account`: every resident byte of a process on one page, adding up; with `--for` also
//! which rows grew.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use ::diff::human;
use diagnose::account::{Account, AccountGrowth, AccountRow, growth, part};
use plugin_host::{LoadedProbe, OpenOptions};
use probe::tables::{native_heap, private_memory};
use probe::target::FrozenBy;
use probe::{
    Column, Error, ErrorKind, Frozen, Issue, Probe, Request, Role, Severity, Snapshot, Table,
    Taken, Target, Unit, Values,
};
use serde_json::json;
use target::freeze::Method;

use super::answer::{in_form, remarks, who_answers};
use crate::args::{AccountArgs, Format, GlobalArgs};
use crate::exit::{Exit, Failure};
use crate::guardian::Guardian;
use crate::output::{harmless, to_stdout};
use crate::{clock, freezing, plan, targets};

/// The questions whose tables make the account. Who answers is found out; what nobody answers is
/// in fewer rows.
const QUESTIONS: [&str; 5] = ["memory", "mappings", "shared_memory", "native", "blocks"];

/// Looks once, or twice, and prints the account.
///
/// # Errors
/// When the process cannot be looked at, or nothing says what it has mapped.
pub fn run(args: &AccountArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let target = targets::identify(args.pid).map_err(Failure::of_target)?;
    let mut looker = Looker::new(target, args.freeze.into(), global)?;
    let first = looker.look()?;
    let answer = match args.duration {
        None => Answer { seconds: 0.0, growth: None, last: first },
        Some(time) => {
            wait(time, first.began);
            let last = looker.look()?;
            let seconds = last.seconds_since(&first);
            Answer { seconds, growth: Some(Grown::between(&first, &last, seconds)), last }
        }
    };
    let text = match args.format {
        Format::Json => answer.document()?,
        _ => answer.text(args),
    };
    to_stdout(text.as_bytes())?;
    Ok(Exit::Fine)
}

/// Until so long after the first look began.
fn wait(time: Duration, since: Instant) {
    std::thread::sleep(time.saturating_sub(since.elapsed()));
}

/// A plugin and what it is asked.
struct Asked {
    probe: LoadedProbe,
    name: String,
    live: Vec<&'static str>,
    frozen: Vec<&'static str>,
}

/// Looks at one process.
struct Looker {
    target: Target,
    method: Method,
    asked: Vec<Asked>,
    issues: Vec<Issue>,
}

impl Looker {
    fn new(target: Target, method: Method, global: &GlobalArgs) -> Result<Self, Failure> {
        let search = plan::search(global);
        let mut looker = Self { target, method, asked: Vec::new(), issues: Vec::new() };
        for question in QUESTIONS {
            let name = match who_answers(&search, question) {
                Ok(name) => name,
                Err(error) => {
                    looker.issues.push(error.to_issue(Severity::Warning));
                    continue;
                }
            };
            let known = looker.asked.iter().position(|asked| asked.name == name);
            let place = match known {
                Some(place) => place,
                None => {
                    let options = OpenOptions { deadline: freezing::ANSWER };
                    let probe = search.find(&name)?.open(&json!({}), options)?;
                    let (live, frozen) = (Vec::new(), Vec::new());
                    looker.asked.push(Asked { probe, name, live, frozen });
                    looker.asked.len() - 1
                }
            };
            let asked = &mut looker.asked[place];
            let frozen = asked.probe.descriptor().wants_frozen(question);
            (if frozen { &mut asked.frozen } else { &mut asked.live }).push(question);
        }
        Ok(looker)
    }

    /// What need not stand still is asked right before: a copy of the process changes what it
    /// shares. While the process itself stands, it is asked again: all tables of one instant.
    fn look(&mut self) -> Result<Look, Failure> {
        let (target, method) = (self.target.clone(), self.method);
        let mut look = Look::new(&target, &self.issues);
        look.add(self.ask(None, |asked| &asked.live));
        let guardian = Guardian::of(method);
        let mut again = Vec::new();
        let round = freezing::round(&target, method, guardian.as_ref(), |frozen| {
            let stopped = frozen.is_some_and(|frozen| frozen.pid == target.pid);
            if stopped {
                again = self.ask(None, |asked| &asked.live);
            }
            let answers = self.ask(frozen, |asked| &asked.frozen);
            answers.into_iter().filter_map(|answer| look.note(answer)).collect()
        });
        let round = round.map_err(Failure::of_target)?;
        look.add(again);
        look.issues.extend(round.issues);
        if let Some(pause) = round.pause {
            look.taken = pause.taken;
            look.pause = Some((pause.by, pause.ns));
        }
        look.snapshots.extend(round.answers);
        look.finish()
    }

    fn ask(
        &mut self,
        frozen: Option<&Frozen>,
        questions: impl Fn(&Asked) -> &[&'static str],
    ) -> Vec<probe::Result<Snapshot>> {
        let target = &self.target;
        let wanted = self.asked.iter_mut().filter(|asked| !questions(asked).is_empty());
        let ask = |asked: &mut Asked| {
            let mut request = Request::new(target.clone(), questions(asked));
            request.frozen = frozen.cloned();
            asked.probe.snapshot(&request)
        };
        wanted.map(ask).collect()
    }
}

/// One look, while it is taken and afterwards.
struct Look {
    target: Target,
    began: Instant,
    taken: Taken,
    pause: Option<(FrozenBy, u64)>,
    snapshots: Vec<Snapshot>,
    failed: Option<Error>,
    issues: Vec<Issue>,
    account: Account,
}

impl Look {
    fn new(target: &Target, issues: &[Issue]) -> Self {
        Self {
            target: target.clone(),
            began: Instant::now(),
            taken: Taken { unix_ns: clock::unix_ns(), monotonic_ns: clock::monotonic_ns() },
            pause: None,
            snapshots: Vec::new(),
            failed: None,
            issues: issues.to_vec(),
            account: Account::default(),
        }
    }

    /// Notes why an answer is missing.
    fn note(&mut self, answer: probe::Result<Snapshot>) -> Option<Snapshot> {
        match answer {
            Ok(snapshot) => Some(snapshot),
            Err(error) => {
                self.issues.push(error.to_issue(Severity::Warning));
                self.failed.get_or_insert(error);
                None
            }
        }
    }

    /// Takes answers; a table that is there already is replaced.
    fn add(&mut self, answers: Vec<probe::Result<Snapshot>>) {
        for answer in answers {
            let Some(snapshot) = self.note(answer) else { continue };
            self.snapshots.retain(|old| old.probe != snapshot.probe);
            self.snapshots.push(snapshot);
        }
    }

    fn finish(mut self) -> Result<Self, Failure> {
        let tables: Vec<&Table> = self.snapshots.iter().flat_map(|s| &s.tables).collect();
        let Some(account) = Account::of(&tables, self.target.pid.into()) else {
            let pid = self.target.pid;
            let message = format!("nothing says what process {pid} has mapped");
            let error = self.failed.unwrap_or_else(|| Error::new(ErrorKind::Unsupported, message));
            return Err(Failure::of_target(error));
        };
        self.account = account;
        // What they have to say is of use where their tables are all there is.
        let told = |s: &Snapshot| s.table(private_memory::TABLE).is_some_and(|t| t.rows() > 0);
        if self.snapshots.iter().any(told) {
            self.snapshots.retain(|s| s.table(native_heap::TABLE).is_none());
        }
        for issue in self.snapshots.iter_mut().flat_map(|s| s.issues.drain(..)) {
            if !self.issues.contains(&issue) {
                self.issues.push(issue);
            }
        }
        let python = self.snapshots.iter().find_map(|s| s.target.python.clone());
        self.target.python = python.or(self.target.python);
        self.snapshots.clear();
        Ok(self)
    }

    fn seconds_since(&self, earlier: &Self) -> f64 {
        self.taken.monotonic_ns.saturating_sub(earlier.taken.monotonic_ns) as f64 / 1e9
    }
}

/// What grew, by part and by row.
struct Grown {
    parts: Vec<AccountGrowth>,
    rows: Vec<AccountGrowth>,
    rss: Option<i64>,
}

impl Grown {
    fn between(first: &Look, last: &Look, seconds: f64) -> Self {
        let (a, b) = (&first.account, &last.account);
        let rss = a.rss.zip(b.rss).map(|(a, b)| b as i64 - a as i64);
        Self {
            parts: growth(&a.parts(), &b.parts(), seconds),
            rows: growth(&a.rows, &b.rows, seconds),
            rss,
        }
    }
}

/// What is told.
struct Answer {
    last: Look,
    seconds: f64,
    growth: Option<Grown>,
}

impl Answer {
    fn document(&self) -> Result<String, Failure> {
        let Look { target, taken, pause, issues, account, .. } = &self.last;
        let mut document = json!({
            "schema": "memprobe.account/1",
            "target": target,
            "taken": taken,
            "paused_ns": pause.map_or(0, |pause| pause.1),
            "rss": account.rss,
            "uss": account.uss,
            "shared": account.shared,
            "sum": account.sum(),
            "difference": account.difference(),
            "uss_difference": account.uss_difference(),
            "unknown": account.of_part(part::UNKNOWN),
            "parts": account.parts(),
            "rows": account.rows,
            "beside": account.beside,
            "issues": issues,
        });
        if let (Some(grown), Some(map)) = (&self.growth, document.as_object_mut()) {
            map.insert("seconds".into(), json!(self.seconds));
            map.insert("rss_growth".into(), json!(grown.rss));
            map.insert("parts_growth".into(), json!(grown.parts));
            map.insert("growth".into(), json!(grown.rows));
        }
        Ok(document.to_string() + "\n")
    }

    fn text(&self, args: &AccountArgs) -> String {
        let gap = if args.format == Format::Markdown { "  \n" } else { "\n" };
        let lines = |lines: Vec<String>| -> String {
            lines.iter().map(|line| harmless(line) + gap).collect()
        };
        let show =
            |table: Table, rows| in_form(&table, args.format, rows).trim_end().to_owned() + "\n";
        let account = &self.last.account;
        let mut parts = vec![lines(self.head())];
        if let Some(grown) = &self.growth {
            parts.push(lines(vec![self.grown(grown)]));
            parts.push(show(growth_table("where the growth is", &grown.parts), args.rows));
            parts.push(show(growth_table("what grew", &grown.rows), args.rows));
        }
        parts.push(show(table("resident memory", &account.parts(), account.rss), usize::MAX));
        parts.push(show(table("largest of them", &account.rows, account.rss), args.rows));
        parts.push(lines(balance(account)));
        parts.push(remarks(&self.last.issues));
        parts.retain(|part| !part.trim().is_empty());
        parts.join("\n")
    }

    /// Of which process it is, and what it cost that.
    fn head(&self) -> Vec<String> {
        let Look { target, taken, pause, .. } = &self.last;
        let mut text = format!("process {}", target.pid);
        if let Some(python) = &target.python {
            let _ = write!(text, ", Python {python}");
        }
        let _ = write!(text, ", {}", clock::rfc3339(taken.unix_ns));
        let pause = pause.map(|(by, ns)| {
            format!("paused for {} ({})", human::duration(ns as f64 / 1e9), by.name())
        });
        vec![text, pause.unwrap_or_else(|| "not paused: it ran on while it was read".into())]
    }

    fn grown(&self, grown: &Grown) -> String {
        let time = human::duration(self.seconds);
        match grown.rss {
            Some(rss) => format!("in {time} the RSS went {}", signed(rss)),
            None => format!("growth in {time}"),
        }
    }
}

/// Both sides and what is between them.
fn balance(account: &Account) -> Vec<String> {
    let mut lines = Vec::new();
    let bytes = |bytes: u64| human::bytes(bytes as f64);
    if let (Some(rss), Some(difference)) = (account.rss, account.difference()) {
        lines.push(format!(
            "RSS {}, the rows add up to {}: {}",
            bytes(rss),
            bytes(account.sum()),
            apart(difference, rss)
        ));
    }
    if let (Some(uss), Some(shared), Some(difference)) =
        (account.uss, account.shared, account.uss_difference())
    {
        lines.push(format!(
            "USS {}, the rows without the {} that other processes have mapped too: {}",
            bytes(uss),
            bytes(shared),
            apart(difference, uss)
        ));
    }
    if let Some(rss) = account.rss.filter(|&rss| rss > 0) {
        let unknown = account.of_part(part::UNKNOWN);
        let share = percent(unknown as f64 / rss as f64);
        lines.push(format!("unknown: {}, {share} of the RSS", bytes(unknown)));
    }
    let beside: Vec<String> =
        account.beside.iter().map(|b| format!("{} {}", b.name, bytes(b.bytes))).collect();
    if !beside.is_empty() {
        lines.push(format!("not in the RSS: {}", beside.join(", ")));
    }
    lines
}

/// A difference in words.
fn apart(difference: i64, whole: u64) -> String {
    if difference == 0 {
        return "no difference".into();
    }
    let size = difference.unsigned_abs();
    let side = if difference > 0 { "in no row" } else { "too many in rows" };
    format!("{} {side} ({})", human::bytes(size as f64), percent(size as f64 / whole.max(1) as f64))
}

/// A share with at most two decimals.
fn percent(share: f64) -> String {
    human::percent(rounded(share))
}

fn rounded(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}

fn signed(bytes: i64) -> String {
    let way = if bytes < 0 { "down" } else { "up" };
    format!("{way} by {}", human::bytes(bytes.unsigned_abs() as f64))
}

fn attribute(name: &str, unit: Unit, values: Values) -> Column {
    Column::new(name, unit, Role::Attribute, values)
}

/// The rows for people.
fn table(name: &str, rows: &[AccountRow], rss: Option<u64>) -> Table {
    let whole = rss.filter(|&rss| rss > 0);
    let share = |row: &AccountRow| whole.map(|rss| rounded(row.resident as f64 / rss as f64));
    let mut columns = vec![Column::text_key("part", rows.iter().map(|row| row.part))];
    if rows.iter().any(|row| !row.name.is_empty()) {
        columns.push(Column::text_key("what", rows.iter().map(|row| row.name.clone())));
    }
    columns.extend([
        Column::level("resident", Unit::Bytes, rows.iter().map(|row| Some(row.resident))),
        attribute("of RSS", Unit::Ratio, Values::F64(rows.iter().map(share).collect())),
        Column::level("count", Unit::Count, rows.iter().map(|row| row.count)),
    ]);
    Table::new(name, columns)
}

/// What grew, for people: rows that shrank are in the JSON.
fn growth_table(name: &str, rows: &[AccountGrowth]) -> Table {
    let rows: Vec<&AccountGrowth> = rows.iter().filter(|row| row.bytes > 0).collect();
    let mut columns = vec![Column::text_key("part", rows.iter().map(|row| row.part.clone()))];
    if rows.iter().any(|row| !row.name.is_empty()) {
        columns.push(Column::text_key("what", rows.iter().map(|row| row.name.clone())));
    }
    let number = |of: fn(&AccountGrowth) -> Option<f64>| {
        Values::F64(rows.iter().map(|row| of(row)).collect())
    };
    let counts = Values::I64(rows.iter().map(|row| row.count).collect());
    columns.extend([
        Column::level("growth", Unit::Bytes, rows.iter().map(|r| u64::try_from(r.bytes).ok())),
        attribute("per second", Unit::Bytes, number(|row| Some(row.bytes_per_s))),
        attribute("share", Unit::Ratio, number(|row| row.share.map(rounded))),
        Column::level("resident", Unit::Bytes, rows.iter().map(|row| Some(row.resident))),
        attribute("more of them", Unit::Count, counts),
    ]);
    Table::new(name, columns)
}
