//! Judges a series from standard input: lines of `seconds bytes`.
//!
//! ```text
//! cargo run -p memprobe-diagnose --example judge < series.txt
//! ```
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "the answer is what it is for")]

use std::io::{self, BufRead};

fn main() -> io::Result<()> {
    let mut points = Vec::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let mut numbers = line.split_whitespace().map(str::parse::<f64>);
        if let (Some(Ok(seconds)), Some(Ok(bytes))) = (numbers.next(), numbers.next()) {
            points.push((seconds, bytes));
        }
    }
    let judgement = memprobe_diagnose::judge_series(&points);
    println!("{}", judgement.verdict.reason);
    println!("{judgement:#?}");
    Ok(())
}
