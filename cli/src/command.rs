//! The command that was given to be watched: start, output, end.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use probe::{Error, ErrorKind, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, Signal};

use crate::events::LineCounter;
use crate::session::Message;
use crate::starter;

/// How long a command may take to end after it was asked to.
pub const GRACE: Duration = Duration::from_secs(5);
/// What is kept of what a command says on its standard error.
const LAST_LINES: usize = 10;
const LINE_BYTES: usize = 500;

/// A command that was started.
#[derive(Debug)]
pub struct Launched {
    pid: u32,
    /// Refers to the process even when its PID is used again.
    handle: Option<OwnedFd>,
    /// Whether it leads a process group of its own.
    leads: bool,
    readers: Vec<JoinHandle<()>>,
}

/// What a command leaves when it has ended; shared with those who listen to it.
#[derive(Clone, Debug, Default)]
pub struct LastWords(Arc<Mutex<Left>>);

#[derive(Debug, Default)]
struct Left {
    lines: VecDeque<String>,
    status: Option<ExitStatus>,
}

impl LastWords {
    /// How it ended, if it has.
    #[must_use]
    pub fn status(&self) -> Option<ExitStatus> {
        self.left().status
    }

    /// The last lines that it wrote to its standard error.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.left().lines.iter().cloned().collect()
    }

    fn left(&self) -> std::sync::MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, line: &[u8]) {
        let line = line.get(..LINE_BYTES).unwrap_or(line);
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        if text.is_empty() {
            return;
        }
        let mut left = self.left();
        left.lines.push_back(text);
        if left.lines.len() > LAST_LINES {
            left.lines.pop_front();
        }
    }
}

impl Launched {
    /// Starts a command. Its end comes as [`Message::CommandEnded`]. With a counter, its standard
    /// output passes through it, byte for byte; else the command writes where memprobe would.
    ///
    /// # Errors
    /// When it does not start: says which program and why.
    pub fn start(
        line: &[String],
        counter: Option<LineCounter>,
        to: Sender<Message>,
    ) -> Result<Self> {
        let Some((program, arguments)) = line.split_first() else {
            return Err(Error::new(ErrorKind::InvalidInput, "no command was given after `--`"));
        };
        let mut command = Command::new(program);
        command.args(arguments);
        if counter.is_some() {
            command.stdout(Stdio::piped());
        }
        let mut child = command.spawn().map_err(|e| cannot_start(program, e))?;
        let mut launched = Self::of(&child, false);
        if let Some((counter, stdout)) = counter.zip(child.stdout.take()) {
            launched.read(stdout, Some(counter), true, &to);
        }
        std::thread::spawn(move || wait(child, &to, None));
        Ok(launched)
    }

    /// Starts a command that is one run of several: nothing that it writes is shown, its standard
    /// input is empty, what it leaves running ends with it, and it ends with memprobe, however
    /// that ends. Variables are added to its environment.
    ///
    /// # Errors
    /// When it does not start: says which program and why.
    pub fn start_quietly(
        line: &[String],
        variables: &[(String, String)],
        counter: Option<LineCounter>,
        words: &LastWords,
        to: Sender<Message>,
    ) -> Result<Self> {
        let (mut child, said) = starter::spawn(line, variables)?;
        said.split(|&b| b == b'\n').for_each(|line| words.add(line));
        let mut launched = Self::of(&child, true);
        if let Some(stdout) = child.stdout.take() {
            launched.read(stdout, counter, false, &to);
        }
        if let Some(stderr) = child.stderr.take() {
            let words = words.clone();
            launched.readers.push(std::thread::spawn(move || listen(stderr, &words)));
        }
        let words = words.clone();
        std::thread::spawn(move || wait(child, &to, Some(&words)));
        Ok(launched)
    }

    fn of(child: &Child, leads: bool) -> Self {
        let pid = child.id();
        let handle =
            pid_of(pid).and_then(|pid| rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok());
        Self { pid, handle, leads, readers: Vec::new() }
    }

    fn read(
        &mut self,
        stdout: impl Read + Send + 'static,
        counter: Option<LineCounter>,
        shown: bool,
        to: &Sender<Message>,
    ) {
        let to = to.clone();
        self.readers.push(std::thread::spawn(move || tee(stdout, counter, shown, &to)));
    }

    /// Its PID.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Asks it to end. Nothing happens if it has ended.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Ends it.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        // Its group is named by its PID, which is not used again before it was waited for; after
        // that its handle refers to nobody, which shows by the first signal.
        if self.leads
            && let Some(pid) = pid_of(self.pid)
            && self.is_there()
        {
            let _ = rustix::process::kill_process_group(pid, signal);
        } else if let Some(handle) = &self.handle {
            // The only error is that it has ended, which is what is wanted.
            let _ = rustix::process::pidfd_send_signal(handle, signal);
        } else if let Some(pid) = pid_of(self.pid) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    fn is_there(&self) -> bool {
        let Some(handle) = &self.handle else { return false };
        let mut ends = [PollFd::new(handle, PollFlags::IN)];
        poll(&mut ends, Some(&Timespec::default())).is_ok_and(|ended| ended == 0)
    }

    /// Waits until all of its output has been passed on. Call when it has ended; children of it
    /// that still hold the pipe are not waited for longer than a moment.
    pub fn drain(&mut self) {
        for _ in 0..100 {
            if self.readers.iter().all(JoinHandle::is_finished) {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Why a program did not start.
#[must_use]
pub fn cannot_start(program: &str, error: std::io::Error) -> Error {
    Error::io(error, format!("cannot start `{program}`"))
        .with_hint("give the path of a program that exists and may be executed")
}

pub(crate) fn pid_of(pid: u32) -> Option<rustix::process::Pid> {
    i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw)
}

/// Waits for the end of a command. With last words it leads a group, the rest of which is ended
/// while its PID, and so the name of the group, cannot be used again.
fn wait(mut child: Child, to: &Sender<Message>, words: Option<&LastWords>) {
    await_end(child.id());
    if let Some(pid) = pid_of(child.id()).filter(|_| words.is_some()) {
        let _ = rustix::process::kill_process_group(pid, Signal::KILL);
    }
    if let Ok(status) = child.wait() {
        if let Some(words) = words {
            words.left().status = Some(status);
        }
        let _ = to.send(Message::CommandEnded(status));
    }
}

/// Waits for the end of a process without collecting anything: a plain wait would take the
/// reports that are meant for whoever traces it, and take a stop for its end.
fn await_end(pid: u32) {
    let handle =
        pid_of(pid).and_then(|pid| rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok());
    let Some(handle) = handle else { return };
    let mut ends = [PollFd::new(&handle, PollFlags::IN)];
    while poll(&mut ends, None).is_err_and(|e| e == rustix::io::Errno::INTR) {}
}

/// Passes the command's output on, where it is shown, and counts its events.
fn tee(from: impl Read, mut counter: Option<LineCounter>, shown: bool, to: &Sender<Message>) {
    let mut sink_open = shown;
    each_piece(from, |bytes| {
        if sink_open {
            // When our reader is gone the command must not notice: keep on reading for it.
            let mut stdout = std::io::stdout().lock();
            sink_open = stdout.write_all(bytes).and_then(|()| stdout.flush()).is_ok();
        }
        if let Some(event) = counter.as_mut().and_then(|counter| counter.feed(bytes)) {
            let _ = to.send(event);
        }
    });
}

/// Keeps the last lines of what a command writes.
fn listen(from: impl Read, words: &LastWords) {
    let mut line = Vec::new();
    each_piece(from, |bytes| {
        for piece in bytes.split_inclusive(|&b| b == b'\n') {
            let room = LINE_BYTES.saturating_sub(line.len());
            line.extend_from_slice(piece.get(..room).unwrap_or(piece));
            if piece.ends_with(b"\n") {
                words.add(&line);
                line.clear();
            }
        }
    });
    words.add(&line);
}

fn each_piece(mut from: impl Read, mut take: impl FnMut(&[u8])) {
    let mut buffer = [0; 16 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => take(buffer.get(..read).unwrap_or_default()),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// The exit status of a command as a shell gives it.
#[must_use]
pub fn shell_status(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(u8::MAX)
}
