//! Chores of this workspace: `cargo xtask`.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program for the terminal of a developer"
)]

use std::process::ExitCode;

use xtask::{root, tidy};

mod generate;
mod header;
mod techniques;
mod torture;

const USAGE: &str = "\
Chores of this workspace

usage: cargo xtask <CHORE>

chores:
  tidy              check what no compiler checks: dependency direction, unsafe code,
                    unfinished work, lengths, manifests, links and excerpts in documents
  header [--check]  write the C header of the plugin ABI, or compare it with what is there
  generate [--check]
                    write completions, manual page and reference of the command line, or
                    compare them with what is there
  techniques        run the programs of docs/techniques.md and write what they show into it
  torture           freeze all kinds of programs hundreds of times each, on every Python, and
                    kill who does it at random instants: up to an hour
  help              print this";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let outcome = match args.as_slice() {
        ["tidy"] => run_tidy(),
        ["header"] => header::run(false),
        ["header", "--check"] => header::run(true),
        ["generate"] => generate::run(false),
        ["generate", "--check"] => generate::run(true),
        ["techniques"] => techniques::run(),
        ["torture"] => torture::run(),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        other => Err(format!("unknown chore `{}`\n\n{USAGE}", other.join(" "))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run_tidy() -> Result<(), String> {
    let problems = tidy::check(&root())?;
    for problem in &problems {
        println!("{problem}");
    }
    match problems.len() {
        0 => {
            println!("tidy");
            Ok(())
        }
        1 => Err("1 problem".into()),
        n => Err(format!("{n} problems")),
    }
}
