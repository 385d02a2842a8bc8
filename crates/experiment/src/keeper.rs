//! Words are changed by a small process of their own, the keeper, that outlives memprobe for as
//! long as it takes to put them back.
//!
//! It notices by the end of its standard input that memprobe is gone, and it knows the moment at
//! which all is to be as before in any case. It remembers a word before it writes it. If the keeper
//! is ended by somebody, memprobe puts the words back; if both are at once, a second keeper does, which
//! has another name and another session.

mod change;
mod second;

use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use probe::{Error, ErrorKind, Result, ResultExt, Target};
use serde::{Deserialize, Serialize};

use crate::word::{Restored, Word};
use change::Change;
pub use second::serve_second;

/// What the keeper is told, one a line.
#[derive(Debug, Serialize, Deserialize)]
enum Order {
    /// To keep others away from a process, and put everything back after so long.
    Hold { pid: u32, start_id: u64, at_most: Duration },
    /// To change a word.
    Set(Word),
    /// To put everything back.
    Restore,
    /// That everything is as before.
    Done,
}

/// What it answers, one a line.
#[derive(Debug, Serialize, Deserialize)]
enum Reply {
    Done,
    Restored(Vec<Restored>),
    Failed { kind: ErrorKind, message: String, hint: Option<String> },
}

impl From<Error> for Reply {
    fn from(error: Error) -> Self {
        let hint = error.hint().map(str::to_owned);
        Self::Failed { kind: error.kind(), message: format!("{error:#}"), hint }
    }
}

/// Is the keeper: follows the orders on standard input until they end, and puts everything back.
pub fn serve() {
    let orders = orders();
    let mut change = None;
    loop {
        let left = change.as_ref().map_or(Duration::MAX, Change::time_left);
        match orders.recv_timeout(left) {
            Ok(order) => {
                let reply = follow(&mut change, order).unwrap_or_else(Reply::from);
                let line = serde_json::to_string(&reply).unwrap_or_default();
                // Whoever asked may be gone: what has to be put back is put back all the same.
                let _ = writeln!(io::stdout(), "{line}");
            }
            Err(RecvTimeoutError::Timeout) => {
                change.as_mut().map(Change::put_back);
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    change.as_mut().map(Change::put_back);
    // Its standard error leads to the second keeper, which has nothing to do then.
    let done = serde_json::to_string(&Order::Done).unwrap_or_default();
    let _ = writeln!(io::stderr(), "{done}");
}

/// What comes on standard input.
fn orders() -> Receiver<Order> {
    let (sender, orders) = mpsc::channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(io::Result::ok) {
            let Ok(order) = serde_json::from_str::<Order>(&line) else { break };
            if sender.send(order).is_err() {
                break;
            }
        }
    });
    orders
}

fn follow(change: &mut Option<Change>, order: Order) -> Result<Reply> {
    let nothing_held = || Error::new(ErrorKind::InvalidInput, "no process was named");
    match order {
        Order::Hold { pid, start_id, at_most } => {
            let target = Target { start_id, ..Target::from_pid(pid) };
            *change = Some(Change::hold(&target, at_most)?);
            Ok(Reply::Done)
        }
        Order::Set(word) => {
            change.as_mut().ok_or_else(nothing_held)?.set(word)?;
            Ok(Reply::Done)
        }
        Order::Done => Ok(Reply::Done),
        Order::Restore => Ok(Reply::Restored(change.as_mut().ok_or_else(nothing_held)?.put_back())),
    }
}

/// The keeper, seen from memprobe.
#[derive(Debug)]
pub struct Keeper {
    child: Child,
    orders: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
    second: Child,
    target: Target,
    /// What was changed, in case that the keeper is ended by somebody.
    words: Vec<Word>,
}

impl Keeper {
    /// Starts one by a command that calls [`serve`], and has it keep other experiments away from
    /// a process; `second` is to call [`serve_second`]. Everything will be as before after `at_most`, whoever lives then.
    ///
    /// # Errors
    /// When it does not start, when another experiment runs on the process, or when that has
    /// ended.
    pub fn start(
        command: &mut Command,
        second: &mut Command,
        target: &Target,
        at_most: Duration,
    ) -> Result<Self> {
        const WHAT: &str = "cannot start the process that puts everything back";
        let pipes = second.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let second = pipes.spawn().context(WHAT)?;
        let to_second = second.stdin.as_ref().map(|orders| orders.as_fd().try_clone_to_owned());
        let to_second = to_second.transpose().context(WHAT)?.map_or_else(Stdio::null, Stdio::from);
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(to_second);
        let child = pipes.spawn().context(WHAT);
        // The command has the other end of its pipe too: the second sees an end when all have gone.
        command.stderr(Stdio::null());
        let mut child = child?;
        let orders = child.stdin.take();
        let Some(replies) = child.stdout.take() else {
            return Err(Error::new(ErrorKind::Other, "the keeper has no standard output"));
        };
        let (target, words) = (target.clone(), Vec::new());
        let replies = BufReader::new(replies);
        let mut keeper = Self { child, orders, replies, second, target, words };
        let (pid, start_id) = (keeper.target.pid, keeper.target.start_id);
        let hold = Order::Hold { pid, start_id, at_most };
        keeper.ask(&hold)?;
        keeper.tell_second(&hold);
        Ok(keeper)
    }

    /// Changes a word.
    ///
    /// # Errors
    /// When it does not hold what it should, or cannot be written; then it is as it was.
    pub fn set(&mut self, word: Word) -> Result<()> {
        self.words.push(word.clone());
        let set = Order::Set(word);
        self.tell_second(&set);
        self.ask(&set).map(drop)
    }

    /// Puts everything back, in the process and in what it forked meanwhile, and says what became
    /// of each word.
    #[must_use]
    pub fn restore(&mut self) -> Vec<Restored> {
        let restored = match self.ask(&Order::Restore) {
            Ok(Reply::Restored(restored)) => restored,
            // Somebody has ended it.
            _ => change::put_back_alone(&self.words, &self.target),
        };
        self.tell_second(&Order::Done);
        restored
    }

    /// It says nothing to that: if it was ended by somebody, the others live.
    fn tell_second(&mut self, order: &Order) {
        let line = serde_json::to_string(order).unwrap_or_default();
        if let Some(orders) = &mut self.second.stdin {
            let _ = writeln!(orders, "{line}");
        }
    }

    fn ask(&mut self, order: &Order) -> Result<Reply> {
        let gone = || Error::new(ErrorKind::Other, "the process that puts everything back is gone");
        let line = serde_json::to_string(order).map_err(|e| gone().with_source(e))?;
        let orders = self.orders.as_mut().ok_or_else(gone)?;
        writeln!(orders, "{line}").map_err(|e| gone().with_source(e))?;
        let mut line = String::new();
        self.replies.read_line(&mut line).map_err(|e| gone().with_source(e))?;
        match serde_json::from_str(&line).map_err(|e| gone().with_source(e))? {
            Reply::Failed { kind, message, hint } => {
                let error = Error::new(kind, message);
                Err(match hint {
                    Some(hint) => error.with_hint(hint),
                    None => error,
                })
            }
            reply => Ok(reply),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.orders = None;
        // One that was killed has not put back anything; the second does.
        if self.child.wait().is_ok_and(|status| status.success()) {
            self.tell_second(&Order::Done);
        }
        self.second.stdin = None;
        let _ = self.second.wait();
    }
}
