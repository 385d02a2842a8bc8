//! Small processes that outlive this one for as long as it takes to clean up.
//!
//! If memprobe is killed while a frozen copy stands, the copy ends with it, but the target keeps
//! the number of its ended child. The guardian notices by the end of its standard input, waits
//! until the copy has ended, and has the target collect it. What was delivered to a target for an
//! experiment and has not run yet is taken back in the same way; for words that were changed it is
//! the keeper of [`experiment`], which puts them back.

use std::io::{BufRead, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use experiment::Keeper;
use experiment::deliver::{self, Order};
use probe::{Result, ResultExt, Target};
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM};
use target::freeze::Method;

/// The name by which the program finds out that it is to be the guardian.
pub const COMMAND: &str = "guard-copies";
/// What an order begins with that is about a delivery.
const DELIVERY: &str = "delivery ";
/// The name by which it finds out that it is to keep changed words.
pub const KEEPER: &str = "guard-words";
/// The same of the second keeper.
pub const SECOND: &str = "guard-words-last";
/// As what the second keeper shows in lists of processes: who ends all that is called memprobe does not
/// end it.
const SECOND_NAME: &str = "keeper-of-words";
/// How long the end of memprobe may take.
const PARENT_ENDS: Duration = Duration::from_secs(10);

/// The guardian, seen from the process that it guards.
#[derive(Debug)]
pub struct Guardian {
    child: Child,
    orders: Mutex<Option<ChildStdin>>,
}

impl Guardian {
    /// One for a run that freezes by this method, where that may leave something to clean up. The
    /// run goes on without it if there is none to be had.
    #[must_use]
    pub fn of(method: Method) -> Option<Self> {
        let may_copy = matches!(method, Method::Auto | Method::Fork);
        let guardian = may_copy.then(Self::start)?;
        guardian.inspect_err(|error| tracing::warn!("{error:#}; going on without it")).ok()
    }

    /// Starts it, in a process group of its own: what ends memprobe from the terminal does not
    /// reach it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start() -> Result<Self> {
        let mut command = Command::new("/proc/self/exe");
        command.arg0("memprobe").arg(COMMAND).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child =
            command.spawn().context("cannot start the process that cleans up behind this one")?;
        let orders = Mutex::new(child.stdin.take());
        Ok(Self { child, orders })
    }

    /// From now on a copy of this process may stand; `None`: no copy stands any more.
    pub fn watch(&self, target: Option<&Target>) {
        self.tell(&target.map_or_else(String::new, |t| format!("{} {}", t.pid, t.start_id)));
    }

    /// From now on this may have to be taken back; `None`: nothing has, any more.
    pub fn watch_delivery(&self, order: Option<&Order>) {
        self.tell(&format!("{DELIVERY}{}", order.map(Order::to_line).unwrap_or_default()));
    }

    fn tell(&self, line: &str) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pipe) = orders.as_mut() else { return };
        // A guardian that was ended by somebody cannot help; the run goes on.
        if let Err(error) = writeln!(pipe, "{line}") {
            tracing::debug!("the guardian is gone: {error}");
            *orders = None;
        }
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        *self.orders.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let _ = self.child.wait();
    }
}

/// Is the guardian: follows the orders on standard input until they end.
pub fn run() {
    let parent = rustix::process::getppid();
    let (mut standing, mut delivered) = (None, None);
    for line in std::io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        match line.strip_prefix(DELIVERY) {
            Some(order) => delivered = Order::from_line(order),
            None => standing = target_of(&line),
        }
    }
    if standing.is_none() && delivered.is_none() {
        return;
    }
    // Only when the last thread of memprobe is gone has the kernel let go of everything.
    let until = Instant::now() + PARENT_ENDS;
    while rustix::process::getppid() == parent && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    if let Some(order) = delivered {
        let _ = deliver::clean_up(&order);
    }
    if let Some(target) = standing {
        let _ = target::freeze::collect_left_over(&target);
    }
}

/// Starts the process that changes words and puts them back, for a process and at most so long.
///
/// # Errors
/// Those of [`Keeper::start`].
pub fn keeper(target: &Target, at_most: Duration) -> Result<Keeper> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("memprobe").arg(KEEPER).process_group(0);
    let mut second = Command::new("/proc/self/exe");
    second.arg0(SECOND_NAME).arg(SECOND);
    Keeper::start(&mut command, &mut second, target, at_most)
}

/// Is that process. What ends memprobe politely does not end it: it ends by itself once everything
/// is as before.
pub fn keep_words() {
    outlive();
    experiment::serve();
}

/// Is the second keeper, in a session of its own.
pub fn keep_words_last() {
    outlive();
    let _ = rustix::process::setsid();
    experiment::serve_second();
}

fn outlive() {
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] {
        let _ = signal_hook::flag::register(signal, Arc::default());
    }
}

fn target_of(line: &str) -> Option<Target> {
    let (pid, start_id) = line.split_once(' ')?;
    Some(Target { start_id: start_id.parse().ok()?, ..Target::from_pid(pid.parse().ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_name_a_process() {
        let target = target_of("42 7").unwrap();
        assert_eq!((target.pid, target.start_id), (42, 7));
        assert!(target_of("").is_none() && target_of("42").is_none());
    }
}
