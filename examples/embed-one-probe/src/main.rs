//! Prints the memory of a process: `embed-one-probe [PID]`; without a PID its own.
#![forbid(unsafe_code)]

use std::io::Write;

use probe::{Error, ErrorKind, Result, ResultExt};
use probe_process::ProcessSampler;

fn main() -> Result<()> {
    let pid = match std::env::args().nth(1) {
        None => std::process::id(),
        Some(word) => word.parse().map_err(|e| {
            Error::new(ErrorKind::InvalidInput, format!("`{word}` is not a PID")).with_source(e)
        })?,
    };
    let mut sampler = ProcessSampler::attach(pid)?;
    let (loose, exact) = (sampler.rss()?, sampler.memory()?);
    let uss = exact.uss.map_or("not known".into(), |bytes| bytes.to_string());
    let line = format!("pid {pid}: rss {} bytes, uss {uss} bytes", loose.rss);
    writeln!(std::io::stdout(), "{line}").context("cannot print")
}
