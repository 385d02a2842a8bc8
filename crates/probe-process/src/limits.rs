//! Limits that end a process when its memory reaches them, and memory pressure.

use std::fs;

use probe::{ErrorKind, Issue, Result};
use target::procfs::ProcessDir;
use target::procfs::cgroup::{Membership, Place, Version, parse, places};
use target::procfs::host::{Pressure, meminfo};
use target::procfs::limits::{Rlimit, Rlimits};

use crate::figures::Limit;

/// The limits of a process, and what could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitsFound {
    /// cgroup, rlimits, host.
    pub limits: Vec<Limit>,
    /// What is missing, and why.
    pub issues: Vec<Issue>,
}

/// Reads the limits that hold for a process: of its cgroup and the cgroup's parents the one with
/// the least room, its rlimits, and the memory of the machine.
///
/// # Errors
/// [`ErrorKind::TargetEnded`].
pub fn limits(process: &ProcessDir) -> Result<LimitsFound> {
    let mut found = LimitsFound::default();
    match cgroup_folders(process) {
        Ok(cgroups) if cgroups.is_empty() => found.issues.extend(unseen_cgroup(process)),
        Ok(cgroups) => found.limits.extend(cgroups.iter().flat_map(cgroup_limits)),
        Err(error) if error.kind() == ErrorKind::TargetEnded => return Err(error),
        Err(error) => found.issues.push(error.to_issue(probe::Severity::Warning)),
    }
    match process.read("limits") {
        Ok(bytes) => found.limits.extend(rlimits(process, &Rlimits::parse(&bytes))),
        Err(error) if error.kind() == ErrorKind::TargetEnded => return Err(error),
        Err(error) => found.issues.push(error.to_issue(probe::Severity::Warning)),
    }
    let host = meminfo();
    match host.total {
        Some(total) => found.limits.push(Limit {
            scope: "host",
            name: "MemTotal",
            place: "all processes of the machine".into(),
            limit: Some(total),
            used: host.available.map(|available| total.saturating_sub(available)),
            reclaimable: None,
            against: "host",
        }),
        None => found.issues.push(Issue::warning("cannot read /proc/meminfo")),
    }
    Ok(found)
}

/// Memory pressure of the machine and of the process's cgroup, as far as the kernel measures it.
#[must_use]
pub fn pressure(process: &ProcessDir) -> Vec<(&'static str, Pressure)> {
    let read = |path: &str| fs::read(path).map(|bytes| Pressure::parse(&bytes)).ok();
    let host = read("/proc/pressure/memory").map(|pressure| ("host", pressure));
    let cgroups = cgroup_folders(process).unwrap_or_default();
    let cgroup = cgroups.iter().filter(|c| c.version == Version::V2).find_map(|cgroup| {
        let folder = cgroup.folders.first()?;
        Some(("cgroup", read(&format!("{folder}/memory.pressure"))?))
    });
    host.into_iter().chain(cgroup).filter(|(_, p)| *p != Pressure::default()).collect()
}

/// A memory cgroup that is really there: its folder and those of its parents.
#[derive(Debug)]
struct Cgroup {
    version: Version,
    folders: Vec<String>,
}

/// The memory cgroups of a process, by our mounts, or else by its own.
fn cgroup_folders(process: &ProcessDir) -> Result<Vec<Cgroup>> {
    let text = process.read("cgroup")?;
    let ours = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let found = existing(places(&text, &ours), "");
    if !found.is_empty() {
        return Ok(found);
    }
    // In a container beside ours: what it mounts itself shows its cgroup.
    let theirs = process.read("mountinfo").unwrap_or_default();
    Ok(existing(places(&text, &theirs), &format!("/proc/{}/root", process.pid())))
}

/// The cgroup's files cannot be seen, though there is a cgroup other than the root.
fn unseen_cgroup(process: &ProcessDir) -> Option<Issue> {
    let text = process.read("cgroup").ok()?;
    let memory = |m: &Membership| {
        m.controllers.is_empty() || m.controllers.split(',').any(|c| c == "memory")
    };
    let member = parse(&text).find(|m| memory(m) && m.path != "/")?;
    let message = format!(
        "the memory cgroup of process {}, {}, is not mounted where it can be seen: its limit is \
         not known",
        process.pid(),
        member.path
    );
    Some(Issue::warning(message).with_hint("run on the host, or mount /sys/fs/cgroup"))
}

fn existing(places: Vec<Place>, root: &str) -> Vec<Cgroup> {
    let folders = |place: Place| {
        let (_, used) = files(place.version);
        let mut folders: Vec<String> = place.folders().map(|f| format!("{root}{f}")).collect();
        // The root of the hierarchy has no such file in version 2; a folder that has gone has
        // none either, and then its parents speak.
        folders.retain(|folder| fs::exists(format!("{folder}/{used}")).unwrap_or(false));
        (!folders.is_empty()).then_some(Cgroup { version: place.version, folders })
    };
    places.into_iter().filter_map(folders).collect()
}

type Names = &'static [(&'static str, &'static str)];

/// The files with limits, each with the file of what is used of it; and one that is always there.
fn files(version: Version) -> (Names, &'static str) {
    match version {
        Version::V1 => (
            &[
                ("memory.limit_in_bytes", "memory.usage_in_bytes"),
                ("memory.memsw.limit_in_bytes", "memory.memsw.usage_in_bytes"),
            ],
            "memory.usage_in_bytes",
        ),
        Version::V2 => (
            &[("memory.max", "memory.current"), ("memory.high", "memory.current")],
            "memory.current",
        ),
    }
}

fn cgroup_limits(cgroup: &Cgroup) -> Vec<Limit> {
    let (names, _) = files(cgroup.version);
    let tightest = |&(name, used): &(&'static str, &'static str)| {
        let all = cgroup.folders.iter().filter_map(|folder| cgroup_limit(folder, name, used));
        // The least room wins; without any limit, the cgroup itself shows what is used.
        let room = |limit: &Limit| {
            limit.limit.map_or(u64::MAX, |max| max.saturating_sub(limit.used.unwrap_or(0)))
        };
        let tightest = all.min_by_key(room)?;
        Some(Limit { reclaimable: reclaimable(&tightest.place), ..tightest })
    };
    names.iter().filter_map(tightest).collect()
}

fn cgroup_limit(folder: &str, name: &'static str, used: &str) -> Option<Limit> {
    let text = fs::read_to_string(format!("{folder}/{name}")).ok()?;
    let limit = match text.trim() {
        "max" => None,
        number => Some(number.parse::<u64>().ok()?).filter(|&bytes| bytes < UNLIMITED),
    };
    Some(Limit {
        scope: "cgroup",
        name,
        place: folder.to_owned(),
        limit,
        used: read_number(&format!("{folder}/{used}")),
        reclaimable: None,
        against: "rss",
    })
}

/// Version 1 says "no limit" with the largest number of whole pages.
const UNLIMITED: u64 = 1 << 62;

fn read_number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Page cache that was not used of late counts as used, and is taken first.
fn reclaimable(folder: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("{folder}/memory.stat")).ok()?;
    let value = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok())
    };
    // Version 1 sums over children in the fields with `total_`.
    value("total_inactive_file ").or_else(|| value("inactive_file "))
}

fn rlimits(process: &ProcessDir, limits: &Rlimits) -> Vec<Limit> {
    let status = process.status().unwrap_or_default();
    let row = |name, limit: Option<Rlimit>, used, against| {
        let place = format!("process {}", process.pid());
        let limit = limit?.soft;
        Some(Limit { scope: "rlimit", name, place, limit, used, reclaimable: None, against })
    };
    [
        row("RLIMIT_AS", limits.address_space, status.vm_size, "vss"),
        row("RLIMIT_DATA", limits.data, status.vm_data, "data"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn write(folder: &Path, files: &[(&str, &str)]) -> String {
        fs::create_dir_all(folder).unwrap();
        for (name, text) in files {
            fs::write(folder.join(name), text).unwrap();
        }
        folder.to_str().unwrap().to_owned()
    }

    /// Of a cgroup and its parents the one with the least room counts, not the smallest limit.
    #[test]
    fn the_least_room_counts() {
        let base = std::env::temp_dir().join(format!("memprobe-cgroup-{}", std::process::id()));
        let inner = write(
            &base.join("pod/app"),
            &[("memory.max", "1000\n"), ("memory.current", "100\n"), ("memory.high", "max\n")],
        );
        let outer = write(
            &base.join("pod"),
            &[
                ("memory.max", "5000\n"),
                ("memory.current", "4900\n"),
                ("memory.stat", "anon 5\ninactive_file 70\n"),
            ],
        );
        let cgroup = Cgroup { version: Version::V2, folders: vec![inner.clone(), outer.clone()] };
        let limits = cgroup_limits(&cgroup);
        fs::remove_dir_all(&base).unwrap();
        assert_eq!(limits.len(), 2);
        assert_eq!((limits[0].name, limits[0].place.as_str()), ("memory.max", outer.as_str()));
        assert_eq!((limits[0].limit, limits[0].used), (Some(5000), Some(4900)));
        assert_eq!(limits[0].reclaimable, Some(70));
        assert_eq!((limits[1].name, limits[1].limit), ("memory.high", None));
        assert_eq!((limits[1].place.as_str(), limits[1].used), (inner.as_str(), Some(100)));
    }
}
