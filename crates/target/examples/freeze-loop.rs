//! Freezes a process again and again: `freeze-loop PID TIMES METHOD`. Prints a line before the
//! first time, then what it took.

use memprobe_target::freeze::{Method, Options, freeze};
use memprobe_target::memory::ReadMemory;
use probe::{Error, ErrorKind, Result, Target};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or_else(|| usage("PID TIMES METHOD"));
    let pid = next()?.parse().map_err(|_| usage("PID"))?;
    let times: u32 = next()?.parse().map_err(|_| usage("TIMES"))?;
    let method: Method = next()?.parse()?;
    write("ready");
    for _ in 0..times {
        let frozen = freeze(&Target::from_pid(pid), method, &Options::default())?;
        let _ = frozen.memory()?.read_prefix(0x1000, &mut [0; 64])?;
        let (used, mut issues) = (frozen.method(), frozen.issues().to_vec());
        let released = frozen.release()?;
        issues.extend(released.issues);
        write(&format!("{used} {:?} {issues:?}", released.pause));
    }
    Ok(())
}

fn usage(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, what)
}

fn write(line: &str) {
    use std::io::Write;
    // Nobody may be listening.
    let _ = writeln!(std::io::stdout(), "{line}");
}
