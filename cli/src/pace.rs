//! When a question is asked again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use probe::{Request, Target};

use crate::clock;
use crate::preset::Ask;

/// Watching may take this share of one core: a look that takes `t` is not repeated before
/// `t * 100`.
const STRETCH: u32 = 100;
/// What a look costs is the least of this many: other threads of this program may have worked
/// meanwhile.
const COSTS: usize = 5;
/// The shortest time from a failure to the next try.
const RETRY: Duration = Duration::from_millis(400);
/// Rounds that take less than this part of a run each are nearly doubled: of three looks one in
/// six rises by chance, of five one in a hundred.
const CHEAP: u32 = 60;
/// What is asked a few times only is not asked before a run has settled: a program that has
/// just started is not yet what it will be.
const SETTLE: Duration = Duration::from_millis(500);

/// How often questions are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The shortest time from one look to the next.
    Every(Duration),
    /// So many looks, spread over the run: at its start, evenly, and at its end; where they are
    /// cheap one more between any two. Where nobody knows how long the run takes: whenever it has
    /// become twice as long, and at its end.
    Rounds(u32),
}

/// The part of a run that counts.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Its first moment.
    pub begin: Instant,
    /// How long it takes at most, where that is known.
    pub length: Option<Duration>,
}

impl Span {
    /// The first look at what is asked a few times only.
    fn settled(&self) -> Instant {
        let tenth = self.length.map_or(SETTLE, |length| length / 10);
        self.begin + tenth.min(SETTLE)
    }

    /// How many looks there are where each takes so long.
    fn affordable(&self, rounds: u32, cost: Duration) -> u32 {
        let is_cheap = self.length.is_some_and(|length| cost.saturating_mul(CHEAP) <= length);
        if is_cheap { rounds.saturating_mul(2).saturating_sub(1) } else { rounds }
    }

    /// The next of `rounds` looks after `now`, of which there were so many; the last is that at
    /// the end, which is not here. Where a look took so long that the moment of the next has
    /// passed, it is half-way to the end.
    fn round_after(&self, now: Instant, rounds: u32, looks: u32) -> Option<Instant> {
        let passed = now.saturating_duration_since(self.begin);
        let Some(length) = self.length else { return now.checked_add(passed.max(SETTLE)) };
        let step = length / rounds.saturating_sub(1).max(1);
        let mut marks = (1..rounds.saturating_sub(1)).map(|round| self.begin + step * round);
        let half_way = now + length.saturating_sub(passed) / 2;
        let is_left = looks + 1 < rounds && half_way > now;
        marks.find(|&mark| mark > now).or_else(|| is_left.then_some(half_way))
    }
}

/// Measures what a look costs.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    /// When the look began.
    pub begun: Instant,
    cpu: Duration,
}

impl Meter {
    /// Starts to measure.
    #[must_use]
    pub fn start() -> Self {
        Self { begun: Instant::now(), cpu: clock::cpu_time() }
    }

    /// The time since then, but for what this program did not work in: on a busy machine most of
    /// the time goes by waiting for a core, which costs nobody anything.
    #[must_use]
    pub fn cost(&self) -> Duration {
        self.begun.elapsed().min(clock::cpu_time().saturating_sub(self.cpu))
    }
}

/// Questions with their pace, and when they are due.
#[derive(Debug)]
pub struct Due {
    /// What is asked.
    pub request: Request,
    /// Whether it is asked while a copy of the target stands too.
    pub beside_copy: bool,
    /// When; `None`: not before the end of the run.
    pub next: Option<Instant>,
    pace: Pace,
    span: Span,
    /// What the last looks cost.
    costs: VecDeque<Duration>,
    /// How many there were.
    looks: u32,
}

impl Due {
    /// Questions about a target, not yet asked.
    #[must_use]
    pub fn new(ask: &Ask, target: &Target, span: Span) -> Self {
        let request = Request {
            target: target.clone(),
            questions: ask.questions.clone(),
            frozen: None,
            capture_dir: None,
        };
        let next = match ask.pace {
            Pace::Every(_) => Instant::now(),
            Pace::Rounds(_) => span.settled(),
        };
        Self {
            request,
            beside_copy: ask.beside_copy,
            next: Some(next),
            pace: ask.pace,
            span,
            costs: VecDeque::new(),
            looks: 0,
        }
    }

    /// Notes what a look cost, and when the next one is due.
    pub fn looked(&mut self, cost: Duration) {
        self.looks = self.looks.saturating_add(1);
        self.costs.push_back(cost);
        if self.costs.len() > COSTS {
            self.costs.pop_front();
        }
        let cost = self.costs.iter().min().copied().unwrap_or(cost);
        let now = Instant::now();
        self.next = match self.pace {
            Pace::Every(every) => now.checked_add(every.max(cost * STRETCH)),
            Pace::Rounds(rounds) => {
                self.span.round_after(now, self.span.affordable(rounds, cost), self.looks)
            }
        };
    }

    /// Has a look that began at this moment and failed repeated soon.
    pub fn failed(&mut self, begun: Instant) {
        self.next = Some(match self.pace {
            Pace::Every(every) => begun + every.min(RETRY),
            Pace::Rounds(_) => begun + RETRY,
        });
    }

    /// Has a look that does not count repeated at once.
    pub fn again(&mut self) {
        self.next = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(pace: Pace, length: Option<Duration>) -> Due {
        let ask = Ask { questions: Vec::new(), pace, beside_copy: false };
        Due::new(&ask, &Target::default(), Span { begin: Instant::now(), length })
    }

    /// Dear looks become seldom; a look that merely had to wait does not make them so.
    #[test]
    fn looks_are_stretched_by_what_they_cost() {
        let every = Duration::from_millis(100);
        let mut due = due(Pace::Every(every), None);
        let mut gap = |took: u64| {
            due.looked(Duration::from_millis(took));
            due.next.unwrap().saturating_duration_since(Instant::now())
        };
        assert!(gap(0) <= every);
        assert!(gap(80) <= every, "one slow look among cheap ones");
        for _ in 0..COSTS {
            gap(80);
        }
        assert!(gap(80) > Duration::from_secs(7), "all of them are slow");
    }

    /// Waiting costs nothing, work does.
    #[test]
    fn a_look_costs_what_it_works() {
        let until = |done: &dyn Fn() -> bool| {
            while !done() {
                std::hint::black_box(0);
            }
        };
        let meter = Meter::start();
        let before = clock::cpu_time();
        until(&|| clock::cpu_time() - before >= Duration::from_millis(20));
        assert!(meter.cost() >= Duration::from_millis(20));
        assert!(meter.cost() <= meter.begun.elapsed());
    }

    /// Three rounds of a run of known length: start, middle, and the end, which is no mark.
    #[test]
    fn rounds_are_spread_over_a_run() {
        let begin = Instant::now();
        let second = Duration::from_secs(1);
        let span = Span { begin, length: Some(50 * second) };
        assert_eq!(span.settled(), begin + SETTLE);
        assert_eq!(span.round_after(begin + SETTLE, 3, 1), Some(begin + 25 * second));
        assert_eq!(span.round_after(begin + 26 * second, 3, 2), None);
        assert_eq!(span.round_after(begin + SETTLE, 2, 1), None);
        assert_eq!(span.round_after(begin + 26 * second, 6, 3), Some(begin + 30 * second));
        let late = span.round_after(begin + 26 * second, 3, 1);
        assert_eq!(late, Some(begin + 38 * second), "the first look took longer than half");
        assert_eq!(span.round_after(begin + 51 * second, 3, 1), None, "it took all of the run");
        let short = Span { begin, length: Some(second) };
        assert_eq!(short.settled(), begin + second / 10);
        let (cheap, dear) = (Duration::from_millis(800), Duration::from_millis(900));
        assert_eq!((span.affordable(3, cheap), span.affordable(3, dear)), (5, 3));
        let open = Span { begin, length: None };
        assert_eq!(open.affordable(3, Duration::ZERO), 3);
        assert_eq!(open.round_after(begin + 4 * second, 3, 2), Some(begin + 8 * second));
    }

    /// What failed is tried again soon, however seldom it is asked.
    #[test]
    fn failures_are_repeated_soon() {
        let begun = Instant::now();
        let mut seldom = due(Pace::Rounds(3), Some(Duration::from_secs(3600)));
        seldom.looked(Duration::ZERO);
        assert!(seldom.next.unwrap() > begun + Duration::from_secs(60));
        seldom.failed(begun);
        assert_eq!(seldom.next, Some(begun + RETRY));
    }
}
