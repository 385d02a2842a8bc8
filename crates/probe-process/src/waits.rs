//! What the threads of a process wait for, as the kernel tells it.

use std::collections::BTreeMap;

use probe::tables::thread_waits as t;
use probe::{Column, Result, Role, Table, Unit, Values};
use target::procfs::stat::Stat;
use target::procfs::{ProcessDir, system_call};

/// More threads than this are not asked: three small files are read of each.
pub(crate) const MOST_THREADS: usize = 10_000;

/// Where a thread stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait {
    /// Name of the thread (`comm`), with digits at its end replaced by `*`.
    pub name: String,
    /// The system call that it is in; `running` when in none.
    pub call: String,
    /// The function of the kernel that it sleeps in; empty where that is not told.
    pub kernel: String,
}

/// Threads that stand at the same place, and one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// By place: how many, and the newest of them.
    pub places: BTreeMap<Wait, (u64, u32)>,
    /// Whether there were more threads than are asked.
    pub cut: bool,
}

/// Asks the threads of a process. One that ends meanwhile is not there.
///
/// # Errors
/// Those of [`ProcessDir::folder`].
pub(crate) fn waits(process: &ProcessDir) -> Result<Waits> {
    let mut waits = Waits::default();
    let folder = process.folder("task")?;
    let entries = rustix::fs::Dir::new(folder).map_err(|e| process.explain("task", e.into()))?;
    let mut threads = 0;
    for entry in entries.flatten() {
        let Some(thread) = entry.file_name().to_str().ok().and_then(|name| name.parse().ok())
        else {
            continue;
        };
        if threads == MOST_THREADS {
            waits.cut = true;
            break;
        }
        threads += 1;
        let read = |name: &str| process.read(&format!("task/{thread}/{name}")).unwrap_or_default();
        let Some(stat) = Stat::parse(&read("stat")) else { continue };
        let place = Wait {
            name: family(&stat.comm),
            call: call(&read("syscall"), stat.state),
            kernel: kernel(&read("wchan")),
        };
        let known = waits.places.entry(place).or_default();
        *known = (known.0 + 1, known.1.max(thread));
    }
    Ok(waits)
}

/// `worker-12` and `worker-13` are alike.
fn family(name: &str) -> String {
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if plain.len() == name.len() { name.to_owned() } else { format!("{plain}*") }
}

/// `202 0x7f.. ...`, or `running`, or `-1 ...` where it waits outside of a call.
fn call(text: &[u8], state: char) -> String {
    let text = String::from_utf8_lossy(text);
    let first = text.split_ascii_whitespace().next().unwrap_or_default();
    match first.parse::<u64>() {
        Ok(number) => {
            system_call(number).map_or_else(|| format!("system call {number}"), str::to_owned)
        }
        Err(_) if first == "running" || state == 'R' => "running".into(),
        Err(_) => String::new(),
    }
}

fn kernel(text: &[u8]) -> String {
    let name = String::from_utf8_lossy(text);
    let name = name.trim();
    if name == "0" { String::new() } else { name.to_owned() }
}

/// The table of question `thread_waits`.
pub(crate) fn table(processes: &[(u32, Waits)]) -> Table {
    let rows: Vec<_> = processes
        .iter()
        .flat_map(|(pid, waits)| waits.places.iter().map(move |row| (u64::from(*pid), row)))
        .collect();
    let newest = rows.iter().map(|(_, (_, (_, thread)))| Some(u64::from(*thread))).collect();
    Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, rows.iter().map(|row| row.0)),
            Column::text_key(t::NAME, rows.iter().map(|(_, (place, _))| place.name.as_str())),
            Column::text_key(t::CALL, rows.iter().map(|(_, (place, _))| place.call.as_str())),
            Column::text_key(t::KERNEL, rows.iter().map(|(_, (place, _))| place.kernel.as_str())),
            Column::level(t::THREADS, Unit::Count, rows.iter().map(|(_, (_, n))| Some(n.0))),
            Column::new(t::NEWEST, Unit::None, Role::Attribute, Values::U64(newest)),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told() {
        assert_eq!(call(b"running\n", 'S'), "running");
        assert_eq!(call(b"-1 0x1 0x2\n", 'S'), "");
        assert_eq!(call(b"", 'R'), "running");
        assert_eq!(call(b"99999 0x1", 'S'), "system call 99999");
        let read = if cfg!(target_arch = "x86_64") { 0 } else { 63 };
        assert_eq!(call(format!("{read} 0x1\n").as_bytes(), 'S'), "read");
        assert_eq!(
            (kernel(b"0"), kernel(b"futex_wait_queue")),
            (String::new(), "futex_wait_queue".into())
        );
        assert_eq!(
            (family("worker-12"), family("main"), family("7")),
            ("worker-*".into(), "main".into(), "*".into())
        );
    }
}
