//! Taking back what was handed over, and removing what was made for it.
//!
//! What waits in the queue of calls is taken back in the order that is safe at each step: the text
//! becomes empty, so that it does nothing even if it comes to run; then, while the main thread
//! stands and is not about to run it, the call in the queue becomes one of a function that may
//! always be called, and the pages and the file go.

use std::time::{Duration, Instant};

use probe::{Error, ErrorKind, Result, Target};
use target::procfs::ProcessDir;
use target::remote::{Fit, Manner, visit};

use super::lock::Lock;
use super::scripts::{self, RemoteDebug};
use super::shelf::Shelf;
use super::{Recipient, pending};

/// How long it is tried to find the main thread at a place where something can be taken back.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a thread that undoes something may take to see that it is to.
const CLOSES: Duration = Duration::from_secs(2);
/// How long another memprobe may have the lock while this one wants to clean up.
const LOCKED: Duration = Duration::from_secs(30);

/// What is to be cleaned up in a process: a line of text for a process that outlives this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pid: u32,
    start: u64,
    name: String,
    remote: Option<RemoteDebug>,
}

impl Order {
    pub(super) fn new(process: &ProcessDir, name: &str, remote: Option<RemoteDebug>) -> Self {
        Self { pid: process.pid(), start: process.start_ticks(), name: name.to_owned(), remote }
    }

    /// The order as a line, without its end.
    #[must_use]
    pub fn to_line(&self) -> String {
        let words = self.remote.map(|remote| remote.words()).unwrap_or_default();
        let words: Vec<String> = words.iter().map(u64::to_string).collect();
        format!("{} {} {} {}", self.pid, self.start, self.name, words.join(" "))
    }

    /// Reads such a line.
    #[must_use]
    pub fn from_line(line: &str) -> Option<Self> {
        let mut parts = line.split(' ');
        let (pid, start) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let name = parts.next()?.to_owned();
        let words: Vec<u64> = parts.map(str::parse).collect::<Result<_, _>>().ok()?;
        let words: [u64; 7] = words.try_into().ok()?;
        let remote = (words != [0; 7]).then(|| RemoteDebug::from_words(words));
        Some(Self { pid, start, name, remote })
    }
}

/// Cleans up behind a memprobe that was killed.
///
/// # Errors
/// When the process is out of reach, or does not come to a place where it can be done.
pub fn clean_up(order: &Order) -> Result<()> {
    let target = Target { start_id: order.start, ..Target::from_pid(order.pid) };
    let process = ProcessDir::open_target(&target)?;
    let lock = Lock::await_it(&process, LOCKED)?;
    Shelf::remove_file(&process, &order.name);
    if Shelf::pages(&process, &order.name)?.is_empty()
        && Shelf::find(&process, &order.name).is_none()
    {
        return Ok(());
    }
    let recipient = Recipient::locked(process, lock, order.remote)?;
    clean(&recipient, &order.name)
}

/// Takes back what has not begun. False when it has, and will end.
pub(super) fn withdraw(recipient: &Recipient, shelf: &Shelf, reports: u64) -> Result<bool> {
    shelf.empty()?;
    clean_unless(recipient, &shelf.name, || shelf.report(reports).started)
}

/// Takes back and removes whatever there is of a name.
pub(super) fn clean(recipient: &Recipient, name: &str) -> Result<()> {
    let shelf = Shelf::find(&recipient.process, name);
    if let Some(shelf) = &shelf {
        shelf.empty()?;
        // A thread that is to undo something sees that, and closes the file itself.
        await_closed(&recipient.process, name, Instant::now() + CLOSES);
    }
    clean_unless(recipient, name, || false).map(|_| ())
}

/// Removes what there is, unless it turns out that it has begun.
fn clean_unless(
    recipient: &Recipient,
    name: &str,
    has_begun: impl Fn() -> bool + Sync,
) -> Result<bool> {
    let (process, interpreter) = (&recipient.process, &recipient.interpreter);
    let pages = Shelf::pages(process, name)?;
    let fds: Vec<u64> =
        Shelf::all(process).into_iter().filter(|(found, _)| found == name).map(|f| f.1).collect();
    if pages.is_empty() && fds.is_empty() {
        return Ok(!has_begun());
    }
    let places = pending::places(process, &recipient.memory, interpreter.run, &pages)?;
    let fit = Fit::Away(&interpreter.program);
    let manner = Manner { fit, all_threads: recipient.remote.is_some(), patience: PATIENCE };
    visit(&recipient.target(), manner, |visit| {
        if has_begun() {
            return Ok(false);
        }
        if let Some(remote) = &recipient.remote {
            for &fd in &fds {
                scripts::take_back(remote, visit, fd)?;
            }
        }
        // A text that has run has closed its file, and is in no queue any more.
        if !pages.is_empty() && places.is_empty() && !fds.is_empty() {
            let message = format!(
                "what was handed to process {} is not where it looks for it: its text was emptied, \
                 and a page of memory is left there",
                process.pid()
            );
            return Err(Error::new(ErrorKind::Other, message));
        }
        for &place in &places {
            // It may be somebody else's by now.
            let now = pending::is_there(visit.memory(), place, interpreter.run, &pages);
            if now {
                visit.write(place, &interpreter.harmless.to_ne_bytes())?;
            }
        }
        Shelf::unmap(process, visit, name)?;
        Shelf::close(process, visit, name)?;
        Ok(true)
    })
}

/// Waits until the target has closed a file itself.
pub(super) fn await_closed(process: &ProcessDir, name: &str, deadline: Instant) {
    let is_open = || Shelf::all(process).iter().any(|(found, _)| found == name);
    while is_open() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Removes what is left of something that has run. Its file is left to a thread that undoes
/// something later.
pub(super) fn put_away(recipient: &Recipient, name: &str, is_kept: bool) -> Result<()> {
    let process = &recipient.process;
    let is_left = || {
        let has_file = !is_kept && Shelf::all(process).iter().any(|(found, _)| found == name);
        Ok::<_, Error>(has_file || !Shelf::pages(process, name)?.is_empty())
    };
    if !is_left()? {
        return Ok(());
    }
    visit(&recipient.target(), Manner::anywhere(PATIENCE), |visit| {
        Shelf::unmap(process, visit, name)?;
        if is_kept { Ok(()) } else { Shelf::close(process, visit, name) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_lines() {
        let remote = RemoteDebug::from_words([1, 2, 3, 4, 5, 6, 7]);
        for remote in [None, Some(remote)] {
            let order = Order { pid: 4, start: 5, name: "memprobe-1-2".into(), remote };
            assert_eq!(Order::from_line(&order.to_line()), Some(order));
        }
        assert_eq!(Order::from_line("4 5 name"), None);
        assert_eq!(Order::from_line(""), None);
    }
}
