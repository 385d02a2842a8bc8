//! The command that was given to be watched: start, output, end.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

use probe::{Error, ErrorKind, Result};
use rustix::process::{PidfdFlags, Signal};

use crate::events::LineCounter;
use crate::session::Message;

/// How long a command may take to end after it was asked to.
pub const GRACE: Duration = Duration::from_secs(5);

/// A command that was started.
#[derive(Debug)]
pub struct Launched {
    pid: u32,
    /// Refers to the process even when its PID is used again.
    handle: Option<OwnedFd>,
    tee: Option<JoinHandle<()>>,
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
        let mut child = command.spawn().map_err(|e| {
            Error::io(e, format!("cannot start `{program}`"))
                .with_hint("give the path of a program that exists and may be executed")
        })?;
        let pid = child.id();
        let handle = i32::try_from(pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .and_then(|pid| rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok());
        let tee = counter.zip(child.stdout.take()).map(|(counter, stdout)| {
            let to = to.clone();
            std::thread::spawn(move || tee(stdout, counter, &to))
        });
        std::thread::spawn(move || wait(child, &to));
        Ok(Self { pid, handle, tee })
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
        if let Some(handle) = &self.handle {
            // The only error is that it has ended, which is what is wanted.
            let _ = rustix::process::pidfd_send_signal(handle, signal);
        } else if let Some(pid) =
            i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    /// Waits until all of its output has been passed on. Call when it has ended; children of it
    /// that still hold the pipe are not waited for longer than a moment.
    pub fn drain(&mut self) {
        let Some(tee) = self.tee.take() else { return };
        for _ in 0..100 {
            if tee.is_finished() {
                let _ = tee.join();
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn wait(mut child: Child, to: &Sender<Message>) {
    await_end(child.id());
    if let Ok(status) = child.wait() {
        let _ = to.send(Message::CommandEnded(status));
    }
}

/// Waits for the end of a process without collecting anything: a plain wait would take the
/// reports that are meant for whoever traces it, and take a stop for its end.
fn await_end(pid: u32) {
    use rustix::event::{PollFd, PollFlags, poll};
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let Some(handle) =
        pid.and_then(|pid| rustix::process::pidfd_open(pid, PidfdFlags::empty()).ok())
    else {
        return;
    };
    let mut ends = [PollFd::new(&handle, PollFlags::IN)];
    while poll(&mut ends, None).is_err_and(|e| e == rustix::io::Errno::INTR) {}
}

/// Passes the command's output on and counts its events.
fn tee(mut from: impl Read, mut counter: LineCounter, to: &Sender<Message>) {
    let mut buffer = [0; 16 * 1024];
    let mut sink_open = true;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => read,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        if sink_open {
            // When our reader is gone the command must not notice: keep on reading for it.
            let mut stdout = std::io::stdout().lock();
            sink_open = stdout.write_all(bytes).and_then(|()| stdout.flush()).is_ok();
        }
        if let Some(event) = counter.feed(bytes) {
            let _ = to.send(event);
        }
    }
}

/// The exit status of a command as a shell gives it.
#[must_use]
pub fn shell_status(status: ExitStatus) -> u8 {
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u8::try_from(code).unwrap_or(u8::MAX)
}
