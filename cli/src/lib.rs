//! The `memprobe` command: arguments -> settings -> plugins -> diagnose -> report.
//!
//! A library only so that its parts can be tested and its command line described by tools;
//! other programs embed the probe crates instead.
//!
//! Reading order: [`args`], [`watch`] (the main job), [`session`] (one run), [`lane`] (one probe
//! on one target), [`summary`] (the report).
#![forbid(unsafe_code)]

pub mod args;
pub mod clock;
pub mod command;
pub mod commands;
pub mod events;
pub mod exit;
pub mod facts;
pub mod freezing;
pub mod guardian;
pub mod interrupt;
pub mod lane;
pub mod output;
pub mod pace;
pub mod plan;
pub mod preset;
pub mod progress;
pub mod recorder;
pub mod rounds;
pub mod session;
pub mod shutter;
pub mod starter;
pub mod summary;
pub mod targets;
pub mod units;
pub mod watch;

use std::io::Write;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::args::{Cli, Cmd, GlobalArgs, PluginCmd};
use crate::exit::{Exit, Failure};

/// Runs the program with the arguments of the process.
#[must_use]
pub fn main() -> Exit {
    match std::env::args_os().nth(1).as_deref().and_then(std::ffi::OsStr::to_str) {
        Some(guardian::COMMAND) => {
            guardian::run();
            return Exit::Fine;
        }
        Some(guardian::KEEPER) => {
            guardian::keep_words();
            return Exit::Fine;
        }
        Some(guardian::SECOND) => {
            guardian::keep_words_last();
            return Exit::Fine;
        }
        Some(starter::COMMAND) => return Exit::Passed(starter::run()),
        _ => {}
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not errors.
            let exit = if error.use_stderr() { Exit::Error } else { Exit::Fine };
            let _ = error.print();
            return exit;
        }
    };
    log_to_stderr(&cli.global);
    dispatch(cli).unwrap_or_else(|failure| {
        complain(&failure);
        failure.exit
    })
}

fn dispatch(cli: Cli) -> Result<Exit, Failure> {
    let global = &cli.global;
    match cli.command {
        None => watch::run(&cli.watch, global),
        Some(Cmd::Check(args)) => commands::check::run(&args, global),
        Some(Cmd::Capture(args)) => commands::capture::run(&args, global),
        Some(Cmd::Holders(args)) => commands::graph::holders::run(&args, global),
        Some(Cmd::Biggest(args)) => commands::graph::biggest::run(&args, global),
        Some(Cmd::Dominators(args)) => commands::graph::dominators::run(&args, global),
        Some(Cmd::Garbage(args)) => commands::graph::garbage::run(&args, global),
        Some(Cmd::Audit(args)) => commands::graph::audit::run(&args, global),
        Some(Cmd::Leaks(args)) => commands::graph::leaks::run(&args, global),
        Some(Cmd::Show(args)) => commands::show::run(&args),
        Some(Cmd::Compare(args)) => commands::compare::run(&args, global),
        Some(Cmd::Diff(args)) => commands::diff::run(&args),
        Some(Cmd::Report(args)) => commands::report::run(&args),
        Some(Cmd::Account(args)) => commands::account::run(&args, global),
        Some(Cmd::Census(args)) => commands::answer::run("census", &args, global),
        Some(Cmd::Pymalloc(args)) => commands::answer::run("pymalloc", &args, global),
        Some(Cmd::Malloc(args)) => commands::answer::run("malloc", &args, global),
        Some(Cmd::Blocks(args)) => commands::answer::blocks(&args, global),
        Some(Cmd::Gc(args)) => commands::answer::run("gc", &args, global),
        Some(Cmd::Try(experiment)) => commands::try_::run(&experiment, global),
        Some(Cmd::Doctor(args)) => commands::doctor::run(&args, global),
        Some(Cmd::Stacks(args)) => commands::answer::run("stacks", &args, global),
        Some(Cmd::Tracemalloc(args)) => commands::answer::run("tracemalloc", &args, global),
        Some(Cmd::Plugins) => commands::plugins::list(global),
        Some(Cmd::Plugin(PluginCmd::Check { file, in_process })) => {
            commands::plugins::check(&file, in_process)
        }
        Some(Cmd::Probes) => commands::probes::run(global),
        Some(Cmd::Presets { action }) => commands::presets::run(action.as_ref()),
        Some(Cmd::Completions { shell }) => commands::generated::completions(shell),
        Some(Cmd::Man) => commands::generated::man(),
    }
}

/// Logs go to standard error; `MEMPROBE_LOG` filters them as `tracing` filters do.
fn log_to_stderr(global: &GlobalArgs) {
    let default = match global.verbose {
        0 => "error",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = std::env::var("MEMPROBE_LOG")
        .ok()
        .and_then(|text| EnvFilter::try_new(text).ok())
        .unwrap_or_else(|| EnvFilter::new(default));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .finish();
    let _ = tracing::subscriber::set_global_default(subscriber);
}

fn complain(failure: &Failure) {
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "memprobe: {}", output::harmless(&format!("{:#}", failure.error)));
    if let Some(hint) = failure.error.hint() {
        let _ = writeln!(stderr, "hint: {}", output::harmless(hint));
    }
}
