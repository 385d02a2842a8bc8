//! The `memprobe` command.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    memprobe_cli::main().into()
}
