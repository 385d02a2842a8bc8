//! The checks themselves.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use plugin::abi;
use probe::{Descriptor, Error, ErrorKind, Request, Result, Snapshot, Table as Rows, Target};

use super::{Kit, host, wrong};
use crate::call::{DESCRIPTION_CAP, Handle, decode};
use crate::folder::trusted;
use crate::library::{self, MAJOR, Table};

/// No system gives this PID to a process.
const NOBODY: u32 = i32::MAX as u32 - 1;

/// Runs all checks in their order; `None` when one failed without which the rest is moot.
pub(super) fn all(kit: &mut Kit<'_>, path: &Path) -> Option<()> {
    let file = path.to_owned();
    let table = kit.check("library", move || {
        let real = trusted(&file)?;
        library::load(&real).map(|table| (table, String::new()))
    })?;
    kit.check("table", move || check_table(&table));
    let descriptor = Arc::new(kit.check("describe", move || check_description(&table))?);
    kit.check("describe twice", move || same_description(&table));
    kit.check("release", move || check_release(&table));

    let (offering, notes) = host::noting();
    let open = move || table.open(offering, "{}");
    let plugin = Looked { table, open: Arc::new(open), descriptor };
    let opened = kit.check("open", {
        let plugin = plugin.clone();
        move || (plugin.open)().map(|handle| (handle, String::new()))
    })?;
    kit.check("open with nonsense", move || refuses_nonsense(&table, offering));
    kit.check("host without services", {
        let plugin = plugin.clone();
        move || without_services(&plugin)
    });
    type Step = fn(&Looked) -> Result<((), String)>;
    let steps: [(&'static str, Step); 6] = [
        ("snapshot", check_snapshot),
        ("each question alone", each_question),
        ("unknown question", unknown_question),
        ("no such process", no_such_process),
        ("request of nonsense", nonsense_request),
        ("two at once", two_at_once),
    ];
    for (name, step) in steps {
        let plugin = plugin.clone();
        kit.check(name, move || step(&plugin));
    }
    kit.check("log", move || {
        let logged = notes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        logged.wrong.map_or_else(|| Ok(((), format!("{} lines", logged.lines))), wrong)
    });
    kit.check("close", move || {
        drop(opened);
        // SAFETY: NULL is to be ignored.
        unsafe { (table.close)(std::ptr::null_mut()) };
        Ok(((), String::new()))
    })
}

/// A plugin that has described itself.
#[derive(Clone)]
struct Looked {
    table: Table,
    open: Arc<dyn Fn() -> Result<Handle> + Send + Sync>,
    descriptor: Arc<Descriptor>,
}

fn check_table(table: &Table) -> Result<((), String)> {
    if table.minor == abi::MEMPROBE_ABI_MINOR && table.struct_size != size_of::<abi::Plugin>() {
        return wrong(format!(
            "says {} bytes; the table of version {MAJOR}.{} has {}",
            table.struct_size,
            table.minor,
            size_of::<abi::Plugin>()
        ));
    }
    if table.reserved != 0 {
        return wrong(format!("`reserved` is {}, and has to be 0", table.reserved));
    }
    Ok(((), format!("ABI {MAJOR}.{}", table.minor)))
}

fn check_description(table: &Table) -> Result<(Descriptor, String)> {
    let descriptor = table.describe()?;
    let Descriptor { name, version, summary, questions, .. } = &descriptor;
    if version.is_empty() || summary.is_empty() {
        return wrong("the version or the summary is empty");
    }
    if questions.is_empty() {
        return wrong("there is no question that it answers");
    }
    let mut seen = HashSet::new();
    for question in questions {
        if !seen.insert(&question.name) {
            return wrong(format!("the question `{}` stands twice", question.name));
        }
        if !crate::search::is_name(&question.name) {
            return wrong(format!("`{}` is no name of a question", question.name));
        }
    }
    let detail = format!("{name} {version}");
    Ok((descriptor, detail))
}

fn same_description(table: &Table) -> Result<((), String)> {
    let (first, second) = (table.describe_raw()?, table.describe_raw()?);
    if first.get(DESCRIPTION_CAP)? != second.get(DESCRIPTION_CAP)? {
        return wrong("the second description is not the first");
    }
    Ok(((), String::new()))
}

fn check_release(table: &Table) -> Result<((), String)> {
    match table.describe_raw()?.release() {
        None => Ok(((), "nothing to release".into())),
        Some(true) => Ok(((), String::new())),
        Some(false) => wrong("`release` does not set itself to NULL"),
    }
}

fn refuses_nonsense(table: &Table, host: &'static abi::Host) -> Result<((), String)> {
    match table.open(host, "\u{1}this is no configuration") {
        Ok(_) => wrong("a configuration that is no JSON is accepted"),
        Err(error) => said(&error, &[ErrorKind::InvalidInput]),
    }
}

fn without_services(plugin: &Looked) -> Result<((), String)> {
    let mut handle = plugin.table.open(host::none(), "{}")?;
    // An error is an answer as well; that it comes is all that counts here.
    let _ = handle.snapshot(&own(&[]));
    Ok(((), String::new()))
}

fn check_snapshot(plugin: &Looked) -> Result<((), String)> {
    let mut handle = (plugin.open)()?;
    let outcome = handle.snapshot(&own(&[]));
    let Some(snapshot) = answered(outcome)? else {
        return Ok(((), "declines this process".into()));
    };
    check_head(&snapshot, &plugin.descriptor)?;
    for table in &snapshot.tables {
        check_keys(table)?;
    }
    let rows: usize = snapshot.tables.iter().map(Rows::rows).sum();
    Ok(((), format!("{} tables, {rows} rows", snapshot.tables.len())))
}

fn check_head(snapshot: &Snapshot, descriptor: &Descriptor) -> Result<()> {
    let id = &snapshot.probe;
    if (&id.name, &id.version) != (&descriptor.name, &descriptor.version) {
        return wrong(format!(
            "signs as `{} {}`, and describes itself as `{} {}`",
            id.name, id.version, descriptor.name, descriptor.version
        ));
    }
    if snapshot.taken.unix_ns == 0 || snapshot.taken.monotonic_ns == 0 {
        return wrong("`taken` is 0: there is no telling when this was");
    }
    Ok(())
}

/// A row is found again in the next snapshot by its keys.
fn check_keys(table: &Rows) -> Result<()> {
    let keys: Vec<_> = table.keys().collect();
    if keys.is_empty() && table.rows() > 1 {
        return wrong(format!("table `{}` has several rows and no key", table.name));
    }
    let mut seen = HashSet::new();
    for row in 0..table.rows() {
        let key: Vec<String> = keys.iter().map(|k| format!("{:?}", k.values.get(row))).collect();
        if !seen.insert(key) {
            return wrong(format!("table `{}`, row {row}: its key stands twice", table.name));
        }
    }
    Ok(())
}

fn each_question(plugin: &Looked) -> Result<((), String)> {
    let mut handle = (plugin.open)()?;
    for question in &plugin.descriptor.questions {
        let Some(snapshot) = answered(handle.snapshot(&own(&[&question.name])))? else { continue };
        for table in &snapshot.tables {
            if !question.tables.contains(&table.name) {
                return wrong(format!(
                    "the question `{}` is answered with table `{}`, which the description does not name",
                    question.name, table.name
                ));
            }
        }
    }
    Ok(((), format!("{} questions", plugin.descriptor.questions.len())))
}

/// A newer host may ask what an older plugin does not know: the rest is answered all the same.
fn unknown_question(plugin: &Looked) -> Result<((), String)> {
    const UNKNOWN: &str = "nobody-answers-this";
    let mut handle = (plugin.open)()?;
    match handle.snapshot(&own(&[UNKNOWN])) {
        Ok(Snapshot { tables, .. }) => {
            if let Some(table) = tables.first() {
                return wrong(format!("is answered with table `{}`", table.name));
            }
        }
        Err(error) if error.kind() == ErrorKind::InvalidInput => {}
        Err(error) => answered(Err(error)).map(drop)?,
    }
    if let Some(known) = plugin.descriptor.questions.first() {
        answered(handle.snapshot(&own(&[&known.name, UNKNOWN])))
            .map_err(|e| e.context("beside a question that it knows"))?;
    }
    Ok(((), String::new()))
}

fn no_such_process(plugin: &Looked) -> Result<((), String)> {
    let mut handle = (plugin.open)()?;
    match handle.snapshot(&Request::new(Target::from_pid(NOBODY), &[])) {
        Ok(_) => wrong(format!("process {NOBODY} does not exist, and is answered for")),
        Err(error) => said(&error, &[ErrorKind::NotFound, ErrorKind::TargetEnded]),
    }
}

fn nonsense_request(plugin: &Looked) -> Result<((), String)> {
    let mut handle = (plugin.open)()?;
    for nonsense in ["", "\u{1}", "[]", "{\"target\":", "{\"target\":{\"pid\":\"x\"}}"] {
        match handle.snapshot_raw(nonsense) {
            Ok(_) => return wrong(format!("`{}` is answered", nonsense.escape_debug())),
            Err(error) => said(&error, &[ErrorKind::InvalidInput])?,
        };
    }
    answered(handle.snapshot(&own(&[])))
        .map(drop)
        .map_err(|e| e.context("after a request of nonsense, an honest one fails"))?;
    Ok(((), String::new()))
}

fn two_at_once(plugin: &Looked) -> Result<((), String)> {
    let look = |handle: &mut Handle| -> Result<()> {
        for _ in 0..5 {
            let out = handle.snapshot_raw(&own_text()?);
            answered(out.and_then(|out| decode(&out, &own(&[]))))?;
        }
        Ok(())
    };
    let (mut one, mut two) = ((plugin.open)()?, (plugin.open)()?);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| look(&mut one));
        let this = look(&mut two);
        other.join().unwrap_or_else(|_| wrong("a thread panicked")).and(this)
    })?;
    Ok(((), String::new()))
}

/// A request for this very process.
fn own(questions: &[&str]) -> Request {
    Request::new(Target::from_pid(std::process::id()), questions)
}

fn own_text() -> Result<String> {
    serde_json::to_string(&own(&[])).map_err(|e| {
        Error::new(ErrorKind::InvalidInput, "the request cannot be written").with_source(e)
    })
}

/// A plugin may decline a process that it is not made for, or may not look at.
fn answered(outcome: Result<Snapshot>) -> Result<Option<Snapshot>> {
    const DECLINING: [ErrorKind; 3] =
        [ErrorKind::Unsupported, ErrorKind::PermissionDenied, ErrorKind::NotFound];
    match outcome {
        Ok(snapshot) => Ok(Some(snapshot)),
        Err(error) if DECLINING.contains(&error.kind()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// An error has to be one of these kinds and to say something.
fn said(error: &Error, kinds: &[ErrorKind]) -> Result<((), String)> {
    let text = format!("{error:#}");
    if !kinds.contains(&error.kind()) {
        return wrong(format!("fails as {:?}, and should as {kinds:?}: {text}", error.kind()));
    }
    if text.contains("did not say why") {
        return wrong("fails without saying why");
    }
    Ok(((), text))
}
