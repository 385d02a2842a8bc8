//! Processes outside of the tree that could have made a file in shared memory.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;

use target::procfs::stat::Stat;
use target::procfs::{ProcessDir, clock, pids};

use super::listing::{FileId, held_by};
use crate::sampler::ProcessSampler;

/// More processes than this are not looked at.
const MOST_PROCESSES: usize = 4096;

/// The users of the tree's processes.
pub(crate) fn users(tree: &[ProcessSampler]) -> HashSet<u32> {
    tree.iter().filter_map(|process| process.dir().status().ok()?.uid).collect()
}

/// PIDs of processes outside the tree that belong to one of the users.
fn outside(tree: &[ProcessSampler], users: &HashSet<u32>) -> Vec<u32> {
    let inside: HashSet<u32> = tree.iter().map(ProcessSampler::pid).collect();
    let is_theirs = |pid: &u32| {
        let owner = fs::metadata(format!("/proc/{pid}")).map(|folder| folder.uid());
        owner.is_ok_and(|owner| users.contains(&owner))
    };
    let all = pids().unwrap_or_default().into_iter();
    all.filter(|pid| !inside.contains(pid)).filter(is_theirs).take(MOST_PROCESSES).collect()
}

/// The files in shared memory that processes of these users outside the tree hold. Processes
/// that cannot be read hold nothing that is known.
pub(crate) fn held_outside(tree: &[ProcessSampler], users: &HashSet<u32>) -> HashSet<FileId> {
    let mut held = BTreeMap::new();
    for pid in outside(tree, users) {
        if let Ok(process) = ProcessDir::open(pid) {
            let _ = held_by(&process, &mut held);
        }
    }
    held.into_keys().collect()
}

/// Who could have filled files that are new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Maker {
    /// The tree, and nobody else that is known.
    Tree,
    /// This process, as well.
    Rival(u32),
    /// Not the tree: it did not touch so much memory.
    Other,
}

/// How much memory the processes could have filled that may have made a file: those of the tree,
/// and those that run the same program as the same user outside of it.
#[derive(Debug, Default)]
pub(crate) struct Makers {
    /// By PID: when it started, and what it had filled until the last look.
    filled: HashMap<u32, (u64, u64)>,
}

impl Makers {
    /// Looks again, and says who could have filled half of so many new bytes since the last
    /// look. (Half: several may have taken part, and huge pages take fewer faults.)
    pub(crate) fn look(&mut self, tree: &[ProcessSampler], bytes: u64) -> Maker {
        let programs: HashSet<(u64, u64)> =
            tree.iter().filter_map(|process| program(process.pid())).collect();
        let before = std::mem::take(&mut self.filled);
        let mut since = |pid: u32| -> u64 {
            let Some((start, filled)) = filled(pid) else { return 0 };
            self.filled.insert(pid, (start, filled));
            let known = before.get(&pid).filter(|(known, _)| *known == start);
            filled.saturating_sub(known.map_or(0, |(_, filled)| *filled))
        };
        let needed = (bytes / 2).max(1);
        let ours = tree.iter().map(|process| since(process.pid())).fold(0, u64::saturating_add);
        let is_rival = |pid: &u32| {
            *pid != std::process::id() && program(*pid).is_some_and(|p| programs.contains(&p))
        };
        let mut rival = None;
        for pid in outside(tree, &users(tree)).into_iter().filter(is_rival) {
            if since(pid) >= needed {
                rival.get_or_insert(pid);
            }
        }
        match rival {
            _ if ours < needed => Maker::Other,
            Some(pid) => Maker::Rival(pid),
            None => Maker::Tree,
        }
    }
}

fn program(pid: u32) -> Option<(u64, u64)> {
    let file = fs::metadata(format!("/proc/{pid}/exe")).ok()?;
    Some((file.dev(), file.ino()))
}

/// When a process started, and how many bytes it may have filled until now, by its page faults
/// and its writes; ended children count with it.
fn filled(pid: u32) -> Option<(u64, u64)> {
    let stat = Stat::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)?;
    let faults = stat.minor_faults.saturating_add(stat.children_minor_faults);
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let written = io.lines().find_map(|line| line.strip_prefix("wchar: ")?.parse::<u64>().ok());
    let touched = faults.saturating_mul(clock::page_size());
    Some((stat.start_ticks, touched.saturating_add(written.unwrap_or(0))))
}
