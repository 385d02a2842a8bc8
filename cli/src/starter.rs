//! Starts a command that ends with memprobe, also where that is killed.
//!
//! The kernel ends a process with its parent if it asks for that itself, so memprobe starts itself
//! first, asks, and becomes the command. What the command starts in turn asks for nothing: only
//! memprobe's own end, where it comes to that, ends it too.

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use probe::{Error, ErrorKind, Result, ResultExt};
use rustix::process::{Signal, WaitId, WaitIdOptions};

use crate::command::{cannot_start, pid_of};

/// The name by which the program finds out that it is to become a command.
pub const COMMAND: &str = "start-command";
/// What a shell gives for a command that does not start.
const NOT_STARTED: i32 = 127;
/// Begins the line that says why, followed by the number of the error.
const WHY: &str = "memprobe: cannot start: ";
/// What is read of it at most.
const MOST_SAID: u64 = 4096;
/// How long it may take to become the command.
const BECOMES: Duration = Duration::from_secs(5);
/// How often it is looked whether it has.
const STEP: Duration = Duration::from_millis(1);

/// Starts a command in a process group of its own, with pipes for what it writes and nothing to
/// read. It has become the command, or ended, when this returns; with what was already read of its
/// standard error.
///
/// # Errors
/// When it does not start: says which program and why.
pub fn spawn(line: &[String], variables: &[(String, String)]) -> Result<(Child, Vec<u8>)> {
    let Some((program, arguments)) = line.split_first() else {
        return Err(Error::new(ErrorKind::InvalidInput, "no command was given"));
    };
    let mut command = Command::new("/proc/self/exe");
    command.arg0("memprobe").arg(COMMAND).arg(std::process::id().to_string());
    command.arg(program).args(arguments);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    command.process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot start another memprobe")?;
    let until = Instant::now() + BECOMES;
    while !has_begun(child.id()) && ended(child.id()).is_none() && Instant::now() < until {
        std::thread::sleep(STEP);
    }
    let mut said = Vec::new();
    if ended(child.id()) == Some(NOT_STARTED)
        && let Some(stderr) = &mut child.stderr
    {
        let _ = stderr.take(MOST_SAID).read_to_end(&mut said);
    }
    match reason(&said) {
        Some(error) => {
            let _ = child.wait();
            Err(cannot_start(program, error))
        }
        None => Ok((child, said)),
    }
}

/// Whether it has become another program; of one that is ending nothing can be read.
fn has_begun(pid: u32) -> bool {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    !line.is_empty() && line.split(|&b| b == 0).nth(1) != Some(COMMAND.as_bytes())
}

/// The status of a child that has ended, -1 after a signal; it is not collected.
fn ended(pid: u32) -> Option<i32> {
    let how = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let ended = rustix::process::waitid(WaitId::Pid(pid_of(pid)?), how).ok()??;
    Some(ended.exit_status().unwrap_or(-1))
}

/// Why a command has not started, as the starter says it.
fn reason(said: &[u8]) -> Option<std::io::Error> {
    let number = std::str::from_utf8(said).ok()?.strip_prefix(WHY)?.trim().parse().ok()?;
    Some(std::io::Error::from_raw_os_error(number))
}

/// Becomes the command: returns only if that fails, after saying why.
#[must_use]
pub fn run() -> u8 {
    let mut arguments = std::env::args_os().skip(2);
    let parent = arguments.next().and_then(|text| text.to_str()?.parse::<u32>().ok());
    let Some(program) = arguments.next() else { return NOT_STARTED as u8 };
    let asked = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    // A parent that has ended before it was asked for sends no signal.
    let is_orphan =
        rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs()) != parent;
    if is_orphan {
        return NOT_STARTED as u8;
    }
    if let Err(error) = asked {
        tracing::debug!("the command would outlive memprobe if that were killed: {error}");
    }
    let error = Command::new(program).args(arguments).exec();
    let number = error.raw_os_error().unwrap_or_default();
    let _ = writeln!(std::io::stderr().lock(), "{WHY}{number}");
    NOT_STARTED as u8
}
