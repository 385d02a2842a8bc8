//! The long form of the test that freezing harms no program, and what it did.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::root;

/// What the tests write in front of their figures.
const MARK: &str = "torture: ";

/// What was done on one interpreter.
#[derive(Debug, Default, PartialEq, Eq)]
struct Figures {
    runs: usize,
    copies: u64,
    stops: u64,
    kills: u64,
}

/// Runs the tests of `target::freeze` in their long form and adds up what they did.
///
/// # Errors
/// One sentence, when a test failed or they could not be run.
pub(crate) fn run() -> Result<(), String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut tests = Command::new(cargo)
        .current_dir(root())
        .args(["test", "--locked", "-p", "memprobe-target", "--test", "freeze", "--"])
        .args(["--nocapture", "harmless", "killed"])
        .env("MEMPROBE_TORTURE", "1")
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cannot run the tests: {e}"))?;
    let mut all = BTreeMap::new();
    if let Some(lines) = tests.stderr.take() {
        for line in BufReader::new(lines).lines().map_while(Result::ok) {
            add(&mut all, &line);
            eprintln!("{line}");
        }
    }
    let status = tests.wait().map_err(|e| format!("the tests cannot be waited for: {e}"))?;
    for (python, sum) in &all {
        let Figures { runs, copies, stops, kills } = sum;
        println!("{python}: {copies} copies, {stops} stops, {kills} kills in {runs} runs");
    }
    if !status.success() {
        return Err(format!("a program was harmed, or a test failed: {status}"));
    }
    if all.is_empty() {
        return Err("the tests said nothing of what they did".into());
    }
    println!("no program was harmed");
    Ok(())
}

/// Adds a line `torture: 3.11.7 PROGRAM copies=1 stops=2`.
fn add(all: &mut BTreeMap<String, Figures>, line: &str) {
    // The harness may have begun the line with the name of the test.
    let Some((_, rest)) = line.split_once(MARK) else { return };
    let mut words = rest.split_whitespace();
    let (Some(python), Some(_)) = (words.next(), words.next()) else { return };
    let sum = all.entry(python.to_owned()).or_default();
    sum.runs += 1;
    for (name, value) in words.filter_map(|word| word.split_once('=')) {
        let value: u64 = value.parse().unwrap_or(0);
        match name {
            "copies" => sum.copies += value,
            "stops" => sum.stops += value,
            "kills" => sum.kills += value,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_added_up() {
        let mut all = BTreeMap::new();
        for line in [
            "test harmless::busy ... torture: 3.11.7 busy copies=300 stops=0",
            "torture: 3.11.7 busy copies=1 stops=302",
            "torture: 3.11.7 waiting kills=201",
            "interpreters: 3.11.7",
            "torture: 3.8.18",
        ] {
            add(&mut all, line);
        }
        let sum = Figures { runs: 3, copies: 301, stops: 302, kills: 201 };
        assert_eq!(all, BTreeMap::from([("3.11.7".to_owned(), sum)]));
    }
}
