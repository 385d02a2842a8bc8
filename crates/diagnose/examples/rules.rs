//! Measures how often the rules that read tables are wrong: how many rows that do not leak are
//! named as more than a possibility, where nothing leaks and beside a leak of something else; and
//! how many rows that leak are found. The seeds are fixed, so the table is always the same.
//!
//! ```text
//! cargo run --release -p memprobe-diagnose --example rules [HISTORIES PER CELL] [FIRST SEED]
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "a table is what it is for")]

use memprobe_diagnose::simulate::histories::{Answer, MORE, RULES, Rule, Watch};
use memprobe_diagnose::simulate::{CLASSES, Class, Truth};

const SECONDS: f64 = 30.0;
/// A leak that is not the row's, bytes per second.
const BESIDE: f64 = 1e6;
/// Seeds from here on took no part in the choice of any constant.
const FIRST_SEED: u64 = 1_000_000;

/// Which histories make a block of the table, and which answers count.
struct Block {
    title: &'static str,
    truth: Truth,
    /// Looks at tables for which the process is frozen.
    looks: usize,
    beside: f64,
    least: Answer,
}

const fn block(
    title: &'static str,
    truth: Truth,
    looks: usize,
    beside: f64,
    least: Answer,
) -> Block {
    Block { title, truth, looks, beside, least }
}

const BLOCKS: [Block; 6] = [
    block("FALSE ALARMS, nothing leaks, 3 rounds", Truth::Sound, 3, 0.0, Answer::Sure),
    block("FALSE ALARMS, nothing leaks, 5 rounds", Truth::Sound, 5, 0.0, Answer::Sure),
    block("FALSE ALARMS beside a leak, 3 rounds", Truth::Sound, 3, BESIDE, Answer::Sure),
    block("FALSE ALARMS beside a leak, 5 rounds", Truth::Sound, 5, BESIDE, Answer::Sure),
    block("FINDS, likely or proved, 5 rounds", Truth::Leak, 5, 0.0, Answer::Sure),
    block("FINDS, named at all, 5 rounds", Truth::Leak, 5, 0.0, Answer::Possible),
];

/// How many histories got such an answer, per cent.
fn share(rule: &Rule, class: &Class, (first, count): (u64, u64), block: &Block) -> f64 {
    let watch = Watch { seconds: SECONDS, looks: block.looks, beside: block.beside };
    let hit = |&seed: &u64| rule.answer(class, seed, watch) >= block.least;
    100.0 * (first..first + count).filter(hit).count() as f64 / count as f64
}

fn row(name: &str, cells: impl Iterator<Item = String>) {
    println!("{name:38}{}", cells.collect::<String>());
}

fn print(block: &Block, seeds: (u64, u64)) {
    row(block.title, (0..RULES.len()).map(|n| format!("{:>6}", letter(n))));
    let classes = CLASSES.iter().chain(MORE).filter(|class| class.truth == block.truth);
    let mut sums = vec![0.0; RULES.len()];
    let mut count = 0.0;
    for class in classes {
        let shares: Vec<f64> = RULES.iter().map(|rule| share(rule, class, seeds, block)).collect();
        sums.iter_mut().zip(&shares).for_each(|(sum, share)| *sum += share);
        count += 1.0;
        row(class.name, shares.into_iter().map(|share| format!("{share:6.1}")));
    }
    row("all", sums.into_iter().map(|sum| format!("{:6.1}", sum / count)));
    println!();
}

fn letter(rule: usize) -> char {
    char::from(b'a' + rule as u8)
}

fn main() {
    let argument =
        |n: usize, or| std::env::args().nth(n).and_then(|n| n.parse().ok()).unwrap_or(or);
    let seeds: (u64, u64) = (argument(2, FIRST_SEED), argument(1, 200));
    println!(
        "{} histories per cell from seed {}, watched for {SECONDS} s; per cent",
        seeds.1, seeds.0
    );
    for (index, rule) in RULES.iter().enumerate() {
        println!("  {} {}", letter(index), rule.name);
    }
    println!();
    BLOCKS.iter().for_each(|block| print(block, seeds));
}
