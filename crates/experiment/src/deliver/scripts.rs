//! The way of 3.14 and up: the interpreter's own interface for scripts from outside (PEP 768).

use std::path::Path;

use probe::tables::levers as t;
use probe::{Error, ErrorKind, Result, Table};
use target::memory::ReadMemory;
use target::remote::{Fit, Manner, Visit, visit};

use super::shelf::Shelf;
use super::{Options, Recipient, lay, numbers};

/// `_PY_EVAL_PLEASE_STOP_BIT`.
const PLEASE_STOP: u64 = 1 << 5;
/// How the way out of the target's own memory to the script is called there.
const FILES: &str = "/proc/self/fd/";

/// Where the words of the interface are in the memory of a process, and the word that leads to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteDebug {
    /// `int`: whether the interpreter takes scripts.
    pub enabled: u64,
    /// Word: what the main thread's evaluation loop looks at.
    pub eval_breaker: u64,
    /// `int`: whether a script waits.
    pub pending: u64,
    /// The path of it.
    pub script_path: u64,
    /// Bytes that are there for that.
    pub script_path_size: u64,
    /// The address of a word, and what it holds as long as the main thread's state is there.
    pub anchor: (u64, u64),
}

impl RemoteDebug {
    /// Takes them from the answer to the question `levers`; `None` when the interpreter has no such
    /// interface, or no main thread by now. Only the main interpreter is visited.
    #[must_use]
    pub fn from_levers(table: &Table) -> Option<Self> {
        let cell = |lever: &str, column: &str| {
            let row = (0..table.rows()).find(|&row| {
                table.value(t::LEVER, row).as_str() == Some(lever)
                    && table.value(t::INTERPRETER, row).as_u64() == Some(0)
            })?;
            table.value(column, row).as_u64()
        };
        let address = |lever| cell(lever, t::ADDRESS);
        Some(Self {
            enabled: address(t::DEBUGGER_ENABLED)?,
            eval_breaker: address(t::EVAL_BREAKER)?,
            pending: address(t::DEBUGGER_PENDING)?,
            script_path: address(t::DEBUGGER_SCRIPT_PATH)?,
            script_path_size: cell(t::DEBUGGER_SCRIPT_PATH, t::SIZE)?,
            anchor: (
                cell(t::DEBUGGER_PENDING, t::ANCHOR)?,
                cell(t::DEBUGGER_PENDING, t::ANCHORED)?,
            ),
        })
    }

    /// In the order in which [`RemoteDebug::from_words`] has them.
    pub(super) fn words(&self) -> [u64; 7] {
        let (anchor, anchored) = self.anchor;
        [
            self.enabled,
            self.eval_breaker,
            self.pending,
            self.script_path,
            self.script_path_size,
            anchor,
            anchored,
        ]
    }

    pub(super) fn from_words(words: [u64; 7]) -> Self {
        let [enabled, eval_breaker, pending, script_path, script_path_size, anchor, anchored] =
            words;
        let anchor = (anchor, anchored);
        Self { enabled, eval_breaker, pending, script_path, script_path_size, anchor }
    }

    /// Whether the main thread's state is where it was.
    fn holds(&self, visit: &Visit<'_>) -> bool {
        let (address, value) = self.anchor;
        value != 0 && visit.memory().read_u64(address).is_ok_and(|now| now == value)
    }
}

/// All threads stand for the moment in which a word is written that they write too.
fn manner(options: Options<'_>) -> Manner<'static> {
    Manner { fit: Fit::Anywhere, all_threads: true, patience: options.patience }
}

pub(super) fn hand_over(
    recipient: &Recipient,
    code: &str,
    name: &str,
    options: Options<'_>,
) -> Result<(Shelf, u64)> {
    let pid = recipient.process.pid();
    let refused = |why: &str| {
        Error::new(ErrorKind::Unsupported, format!("process {pid} takes no scripts: {why}"))
    };
    let remote = recipient.remote.ok_or_else(|| {
        refused("where it would look for one is not known").with_hint(
            "it was perhaps built without the interface (--without-remote-debug), or is starting",
        )
    })?;
    // Nothing is made in a process that does not take any.
    let is_off = |word: Result<u32>| word.is_ok_and(|word| word == 0);
    if is_off(recipient.memory.read_u32(remote.enabled)) {
        return Err(refused("its interface for that is switched off").with_hint(
            "by PYTHON_DISABLE_REMOTE_DEBUG, -X disable-remote-debug or how it was built; nothing \
             else is tried",
        ));
    }
    if !sees_its_files(recipient) {
        return Err(refused("it has no /proc, by which its interpreter would open the script")
            .with_hint(
                "mount one where it sees it (a chroot?); `try gc-off`, `gc-thresholds` and `trim` \
                 need none",
            ));
    }
    let shelf = visit(&recipient.target(), Manner::anywhere(options.patience), |visit| {
        Shelf::make(&recipient.process, visit, name)
    })?;
    let (_, reports) = lay(recipient, &shelf, code)?;
    let path = format!("{FILES}{}\0", shelf.fd);
    visit(&recipient.target(), manner(options), |visit| {
        if !remote.holds(visit) {
            return Err(refused("its main thread has another state by now"));
        }
        if visit.memory().read_u32(remote.enabled)? != 1 {
            return Err(refused("its interface for that is switched off"));
        }
        if visit.memory().read_u32(remote.pending)? != 0 {
            return Err(refused("another script waits there already")
                .with_hint("another debugger has just used it: try again"));
        }
        if path.len() as u64 > remote.script_path_size {
            return Err(refused("the place for a path is too short"));
        }
        let breaker = visit.memory().read_u64(remote.eval_breaker)?;
        visit.write(remote.script_path, path.as_bytes())?;
        visit.write(remote.pending, &1_u32.to_ne_bytes())?;
        visit.write(remote.eval_breaker, &(breaker | PLEASE_STOP).to_ne_bytes())
    })?;
    Ok((shelf, reports))
}

/// Whether a process finds its own open files where it looks for the script.
fn sees_its_files(recipient: &Recipient) -> bool {
    let pid = recipient.process.pid();
    let numbers = numbers(&recipient.process).unwrap_or_default();
    // The file system may be of any namespace in which it has a number.
    numbers.iter().any(|own| Path::new(&format!("/proc/{pid}/root/proc/{own}/fd")).exists())
}

/// Takes a script back that waits. It waits no more afterwards, or has never.
pub(super) fn take_back(remote: &RemoteDebug, visit: &mut Visit<'_>, fd: u64) -> Result<()> {
    if !remote.holds(visit) || visit.memory().read_u32(remote.pending)? == 0 {
        return Ok(());
    }
    let path = format!("{FILES}{fd}");
    let most = remote.script_path_size.min(256) as usize;
    let waits = visit.memory().read_cstr(remote.script_path, most)?;
    if waits.as_deref() != Some(path.as_bytes()) {
        return Ok(());
    }
    let breaker = visit.memory().read_u64(remote.eval_breaker)?;
    visit.write(remote.pending, &0_u32.to_ne_bytes())?;
    visit.write(remote.script_path, &vec![0; path.len() + 1])?;
    visit.write(remote.eval_breaker, &(breaker & !PLEASE_STOP).to_ne_bytes())
}
