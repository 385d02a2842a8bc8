//! Who puts words back when memprobe and its keeper were killed at once.
//!
//! The second keeper writes nothing as long as one of them lives. It is told each word before that is
//! written. Both can write to its standard input, and whoever has put everything back says so there: if
//! that ends without a word, nobody has.

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use probe::Target;
use target::procfs::ProcessDir;

use super::change::put_back;
use super::{Order, orders};
use crate::deliver::Lock;
use crate::kin::Mark;
use crate::word::Word;

/// How often it looks whether it is late.
const LOOK: Duration = Duration::from_secs(1);
/// How much later than the keeper it puts everything back, if nobody is there who would.
const LATER: Duration = Duration::from_secs(10);

/// What there is to look after.
struct Heritage {
    process: ProcessDir,
    mark: Option<Mark>,
    words: Vec<Word>,
    until: Option<Instant>,
}

impl Heritage {
    fn of(pid: u32, start_id: u64, at_most: Duration) -> Option<Self> {
        let target = Target { start_id, ..Target::from_pid(pid) };
        let process = ProcessDir::open_target(&target).ok()?;
        let mark = Mark::of(&target).ok().flatten();
        let until = Instant::now().checked_add(at_most + LATER);
        Some(Self { process, mark, words: Vec::new(), until })
    }

    fn is_late(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// Puts the words back if nobody else looks after them. False if somebody does.
    fn put_back(&self) -> bool {
        let Ok(_lock) = Lock::await_it(&self.process, LOOK) else {
            return !self.process.is_alive();
        };
        let pid = self.process.pid();
        let target = Target { start_id: self.process.start_ticks(), ..Target::from_pid(pid) };
        put_back(&self.words, &target, self.mark.as_ref());
        true
    }
}

/// Is the second keeper: follows the orders on standard input until they end, and puts back what
/// nobody has.
pub fn serve_second() {
    let orders = orders();
    let mut heritage: Option<Heritage> = None;
    loop {
        match (orders.recv_timeout(LOOK), &mut heritage) {
            (Ok(Order::Hold { pid, start_id, at_most }), _) => {
                heritage = Heritage::of(pid, start_id, at_most);
            }
            (Ok(Order::Set(word)), Some(heritage)) => heritage.words.push(word),
            (Ok(Order::Done), _) => return,
            (Ok(_), _) => {}
            (Err(RecvTimeoutError::Timeout), heritage) => {
                if heritage.as_ref().is_some_and(|all| all.is_late() && all.put_back()) {
                    return;
                }
            }
            (Err(RecvTimeoutError::Disconnected), _) => break,
        }
    }
    let Some(heritage) = heritage.filter(|heritage| !heritage.words.is_empty()) else { return };
    while !heritage.put_back() {}
}
