//! Measures how often comparisons of two commands are wrong: differences that are called where
//! there are none, and those that are missed. The seeds are fixed, so the table is always the
//! same.
//!
//! ```text
//! cargo run --release -p memprobe-diagnose --example compare [COMPARISONS PER CELL]
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a table is what it is for")]

use memprobe_diagnose::comparison::{Effect, RunFigures};
use memprobe_diagnose::simulate::runs::{Kind, Program};
use memprobe_diagnose::{compare_runs, judge_series};

/// Runs of each side, and seconds of each run.
const PLANS: [(u64, f64); 4] = [(3, 15.0), (3, 30.0), (5, 15.0), (5, 30.0)];
/// What A and B leak, bytes per second.
const PAIRS: [(f64, f64, &str); 5] = [
    (0.0, 0.0, "the same program, no leak"),
    (1e6, 1e6, "the same program, leaking 1 MB/s"),
    (1e6, 0.0, "1 MB/s and its fix"),
    (1e5, 0.0, "100 kB/s and its fix"),
    (1e6, 5e5, "1 MB/s and half of it"),
];

fn figures(program: &Program, seed: u64, seconds: f64, leak: f64) -> Option<RunFigures> {
    RunFigures::of_series(&judge_series(&program.run(seed, seconds, leak)), false)
}

/// How many comparisons say: difference, none, undecided.
fn effects(kind: Kind, (runs, seconds): (u64, f64), (a, b): (f64, f64), count: u64) -> [u32; 3] {
    let mut found = [0; 3];
    for seed in 0..count {
        let program = Program::new(kind, seed, seconds);
        let side = |which: u64, leak: f64| -> Vec<RunFigures> {
            let seeds = (0..runs).map(|run| (seed * 2 + which) * 1000 + run + 1);
            seeds.filter_map(|s| figures(&program, s, seconds, leak)).collect()
        };
        let place = match compare_runs(&side(0, a), &side(1, b)).effect {
            Effect::Difference => 0,
            Effect::None => 1,
            Effect::Undecided => 2,
        };
        found[place] += 1;
    }
    found
}

fn main() {
    let count = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(500);
    println!("{count} comparisons per cell; percent that say difference / none / undecided");
    let plans: Vec<String> = PLANS.iter().map(|(n, s)| format!("{n} runs of {s} s")).collect();
    println!("{:22} {}\n", "", plans.map_cells());
    for (a, b, title) in PAIRS {
        println!("{title}");
        let mut sums = [[0_u32; 3]; PLANS.len()];
        for kind in Kind::ALL {
            let row: Vec<[u32; 3]> =
                PLANS.iter().map(|&plan| effects(kind, plan, (a, b), count)).collect();
            for (sum, cell) in sums.iter_mut().zip(&row) {
                sum.iter_mut().zip(cell).for_each(|(s, c)| *s += c);
            }
            print(kind.name(), &row);
        }
        print("all", &sums);
        println!();
    }
}

trait Cells {
    fn map_cells(&self) -> String;
}

impl Cells for Vec<String> {
    fn map_cells(&self) -> String {
        self.iter().map(|c| format!("{c:^19}")).collect::<Vec<_>>().join("|")
    }
}

fn print(name: &str, row: &[[u32; 3]]) {
    let cells: Vec<String> = row
        .iter()
        .map(|cell| {
            let all: u32 = cell.iter().sum();
            let percent = |n: u32| 100.0 * f64::from(n) / f64::from(all.max(1));
            format!("{:5.1} {:5.1} {:5.1} ", percent(cell[0]), percent(cell[1]), percent(cell[2]))
        })
        .collect();
    println!("{name:22} {}", cells.map_cells());
}
