//! Measures how often the rules are wrong: false alarms over series without a leak, misses
//! over series with one, at several lengths of the watch, and when a run stops as soon as it
//! is sure. The seeds are fixed, so the table is always the same. The constants of the rules
//! were chosen by looking at seeds 0 to 999; the default starts far from them.
//!
//! ```text
//! cargo run --release -p memprobe-diagnose --example calibrate [SERIES PER CLASS] [FIRST SEED]
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a table is what it is for")]

use std::ops::Range;

use memprobe_diagnose::judge_series;
use memprobe_diagnose::simulate::{CLASSES, Class, Truth};

const WATCHES: [f64; 3] = [10.0, 30.0, 60.0];
const LONGEST: f64 = 60.0;
/// Seeds from here on took no part in the choice of any constant.
const FIRST_SEED: u64 = 1_000_000;

/// How many series got which answer.
#[derive(Clone, Copy, Default)]
struct Answers {
    leak: u32,
    sound: u32,
    open: u32,
    seconds: f64,
}

impl Answers {
    fn add(&mut self, leak: Option<bool>, seconds: f64) {
        match leak {
            Some(true) => self.leak += 1,
            Some(false) => self.sound += 1,
            None => self.open += 1,
        }
        self.seconds += seconds;
    }

    fn plus(self, other: Self) -> Self {
        Self {
            leak: self.leak + other.leak,
            sound: self.sound + other.sound,
            open: self.open + other.open,
            seconds: self.seconds + other.seconds,
        }
    }

    fn all(self) -> f64 {
        f64::from((self.leak + self.sound + self.open).max(1))
    }

    fn row(self) -> String {
        let percent = |n: u32| 100.0 * f64::from(n) / self.all();
        format!("{:5.1} {:5.1} {:5.1}", percent(self.leak), percent(self.sound), percent(self.open))
    }
}

fn watch(class: &Class, seeds: Range<u64>, seconds: f64) -> Answers {
    let mut answers = Answers::default();
    for seed in seeds {
        answers.add(judge_series(&class.series(seed, seconds)).verdict.leak, seconds);
    }
    answers
}

/// Asks once a second and stops when it is sure, as an open-ended run does.
fn stop_when_sure(class: &Class, seeds: Range<u64>) -> Answers {
    let mut answers = Answers::default();
    for seed in seeds {
        let points = class.series(seed, LONGEST);
        let asked = (6..=LONGEST as usize).map(|second| {
            let seen = points.partition_point(|p| p.0 <= second as f64);
            (judge_series(&points[..seen]), second as f64)
        });
        let mut last = (None, LONGEST);
        for (judgement, second) in asked {
            last = (judgement.verdict.leak, second);
            if judgement.sure {
                break;
            }
        }
        answers.add(last.0, last.1);
    }
    answers
}

fn main() {
    let series = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1000);
    let first = std::env::args().nth(2).and_then(|n| n.parse().ok()).unwrap_or(FIRST_SEED);
    let seeds = |count: u64| first..first + count;
    println!(
        "{series} series per class from seed {first}, 4 looks per second; percent that are called"
    );
    println!("leak / no leak / undecided, watched for 10 s | 30 s | 60 s | until sure (seconds)\n");
    for (truth, title) in [
        (Truth::Sound, "NO LEAK: the first figure is the rate of false alarms"),
        (Truth::Leak, "LEAK: the first figure is the rate of finds"),
        (Truth::Hidden, "NO LEAK, BUT WATCHING THIS LONG CANNOT TELL: the limits of the method"),
    ] {
        println!("{title}");
        let mut sums = [Answers::default(); 4];
        for class in CLASSES.iter().filter(|c| c.truth == truth) {
            let mut row: Vec<Answers> =
                WATCHES.iter().map(|&s| watch(class, seeds(series), s)).collect();
            row.push(stop_when_sure(class, seeds(series.div_ceil(5))));
            print(class.name, &row);
            for (sum, answers) in sums.iter_mut().zip(row) {
                *sum = sum.plus(answers);
            }
        }
        print("all", &sums);
        println!();
    }
}

fn print(name: &str, row: &[Answers]) {
    let cells: Vec<String> = row.iter().map(|a| a.row()).collect();
    let stopped = row.last().map_or(0.0, |a| a.seconds / a.all());
    println!("{name:38} {} {stopped:4.0}", cells.join(" | "));
}
