//! Measures how long a process stands when it is frozen: `freeze-pause PID TIMES [METHOD]`.
//! Prints the median, least and most of each part, milliseconds.

use std::io::Write;

use memprobe_target::freeze::{Method, Options, Pause, freeze};
use probe::{Error, ErrorKind, Result, ResultExt, Target};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| -> Result<u32> {
        let text = arguments.get(at).map_or("", String::as_str);
        text.parse().map_err(|_| Error::new(ErrorKind::InvalidInput, "PID TIMES [METHOD]"))
    };
    let (pid, times) = (number(0)?, number(1)?.max(1));
    let method: Method = arguments.get(2).map_or("fork", String::as_str).parse()?;
    let target = Target::from_pid(pid);
    let pauses = (0..times).map(|_| {
        let frozen = freeze(&target, method, &Options::default())?;
        Ok(frozen.release()?.pause)
    });
    let pauses: Vec<Pause> = pauses.collect::<Result<_>>()?;
    type Part = (&'static str, fn(&Pause) -> u64);
    let parts: [Part; 5] = [
        ("attach", |p| p.attach_ns),
        ("fork", |p| p.fork_ns),
        ("rest", |p| p.total_ns.saturating_sub(p.attach_ns + p.fork_ns)),
        ("pause", |p| p.total_ns),
        ("reap", |p| p.reap_ns),
    ];
    let mut out = std::io::stdout();
    for (name, part) in parts {
        let mut values: Vec<f64> = pauses.iter().map(|p| part(p) as f64 / 1e6).collect();
        values.sort_by(f64::total_cmp);
        let (middle, last) = (values[values.len() / 2], values[values.len() - 1]);
        writeln!(out, "{name:6} {middle:9.3} ({:.3}-{last:.3}) ms", values[0])
            .context("cannot write")?;
    }
    Ok(())
}
