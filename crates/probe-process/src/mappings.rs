//! Mappings grouped by what they are.

use std::collections::{HashMap, HashSet};

use probe::Result;
use probe::tables::mappings as kinds;
use target::procfs::ProcessDir;
use target::procfs::cgroup::parse_mountinfo;
use target::procfs::smaps::{Counts, Dev, Mapping};

/// The name of the group that sums up the groups for which there was no room.
pub const OTHERS: &str = "(others)";
/// The name of the group of the stacks of all threads but the main one.
pub const THREAD_STACKS: &str = "[thread stacks]";
/// The name of plain anonymous memory.
pub const ANON: &str = "[anon]";
/// The longest stack that is believed to be one.
const LONGEST_STACK: u64 = 256 << 20;

/// The mappings of one kind and name in one process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingGroup {
    /// One of [`KINDS`](probe::tables::mappings::KINDS).
    pub kind: &'static str,
    /// Path of the file, label of the kernel, or one of the names of this module.
    pub name: String,
    /// How many mappings.
    pub mappings: u64,
    /// Their sums, bytes.
    pub counts: Counts,
}

/// Sorts mappings into groups, one at a time and in the order of their addresses.
///
/// The rules, in order: `[heap]`, `[stack]`, vdso and vvar by their labels; executable memory
/// without a file is `jit`; a private mapping without a file that holds the stack pointer of a
/// thread and has a guard below it is `stack`; memfd, SysV and POSIX shared memory, shared
/// anonymous memory and files on a tmpfs are `shared`; all mappings of a file of which one can
/// be executed are `library`, of others `file`; devices and the rest are `other`.
#[derive(Debug, Default)]
pub struct Grouper {
    groups: HashMap<&'static str, HashMap<String, Group>>,
    tmpfs: HashSet<Dev>,
    stack_pointers: Vec<u64>,
    /// End of the last mapping, if that was a guard.
    guard_end: Option<u64>,
}

#[derive(Debug, Default)]
struct Group {
    mappings: u64,
    counts: Counts,
    executable: bool,
}

impl Grouper {
    /// A grouper that knows which devices are tmpfs, and the stack pointers of threads (sorted).
    #[must_use]
    pub fn new(tmpfs: HashSet<Dev>, stack_pointers: Vec<u64>) -> Self {
        Self { tmpfs, stack_pointers, ..Self::default() }
    }

    /// Takes the next mapping.
    pub fn add(&mut self, mapping: &Mapping<'_>) {
        let (kind, name) = self.classify(mapping);
        self.guard_end = is_guard(mapping).then_some(mapping.end);
        let groups = self.groups.entry(kind).or_default();
        if !groups.contains_key(name) {
            groups.insert(name.to_owned(), Group::default());
        }
        if let Some(group) = groups.get_mut(name) {
            group.mappings += 1;
            group.counts.add(&mapping.counts);
            group.executable |= mapping.perms.exec;
        }
    }

    /// The groups, largest resident set first, at most `most` and one that sums up the others.
    #[must_use]
    pub fn finish(self, most: usize) -> Vec<MappingGroup> {
        let group = |(kind, groups): (&'static str, HashMap<String, Group>)| {
            groups.into_iter().map(move |(name, group)| MappingGroup {
                kind: if kind == kinds::FILE && group.executable { kinds::LIBRARY } else { kind },
                name,
                mappings: group.mappings,
                counts: group.counts,
            })
        };
        let mut all: Vec<_> = self.groups.into_iter().flat_map(group).collect();
        all.sort_by(|a, b| {
            let size = |g: &MappingGroup| (g.counts.rss, g.counts.size);
            size(b).cmp(&size(a)).then_with(|| (a.kind, &a.name).cmp(&(b.kind, &b.name)))
        });
        if all.len() > most {
            let mut others =
                MappingGroup { kind: kinds::OTHER, name: OTHERS.into(), ..Default::default() };
            for group in all.drain(most..) {
                others.mappings += group.mappings;
                others.counts.add(&group.counts);
            }
            all.push(others);
        }
        all
    }

    fn classify<'m>(&self, mapping: &'m Mapping<'_>) -> (&'static str, &'m str) {
        let path = mapping.path.as_ref();
        if path.starts_with('[') {
            return labelled(mapping, path);
        }
        if mapping.perms.shared && is_shared_memory(path) || path.starts_with("/dev/shm/") {
            return (kinds::SHARED, path);
        }
        if path.is_empty() || path.starts_with("/dev/zero") {
            return self.anonymous(mapping);
        }
        if path.starts_with("/memfd:") {
            let kind = if mapping.perms.exec { kinds::JIT } else { kinds::SHARED };
            return (kind, path);
        }
        if !path.starts_with('/') || path.starts_with("/dev/") || mapping.has_flag("io") {
            return (kinds::OTHER, path);
        }
        // A program on a tmpfs is a program still; its segments cannot be written together.
        if self.tmpfs.contains(&mapping.dev) && mapping.perms.shared {
            return (kinds::SHARED, path);
        }
        (kinds::FILE, path)
    }

    fn anonymous(&self, mapping: &Mapping<'_>) -> (&'static str, &'static str) {
        match mapping.perms {
            perms if perms.exec => (kinds::JIT, ANON),
            perms if perms.shared => (kinds::SHARED, "[shared anon]"),
            _ if self.is_thread_stack(mapping) => (kinds::STACK, THREAD_STACKS),
            _ => (kinds::ANON, ANON),
        }
    }

    fn is_thread_stack(&self, mapping: &Mapping<'_>) -> bool {
        let at = self.stack_pointers.partition_point(|&pointer| pointer < mapping.start);
        self.guard_end == Some(mapping.start)
            && mapping.perms.write
            && mapping.len() <= LONGEST_STACK
            && self.stack_pointers.get(at).is_some_and(|&pointer| pointer < mapping.end)
    }
}

fn labelled<'m>(mapping: &Mapping<'_>, label: &'m str) -> (&'static str, &'m str) {
    // Kernels before 4.5 number the stacks of threads; glibc names them with its tunable
    // `decorate_maps`. One name for all: threads come and go.
    if label.starts_with("[stack:") || label.starts_with("[anon: glibc: pthread") {
        return (kinds::STACK, THREAD_STACKS);
    }
    let kind = match label {
        "[heap]" => kinds::HEAP,
        "[stack]" => kinds::STACK,
        _ if label.starts_with("[v") => kinds::VDSO,
        _ if label.starts_with("[anon_shmem") => kinds::SHARED,
        _ if label.starts_with("[anon") && mapping.perms.exec => kinds::JIT,
        _ if label.starts_with("[anon") => kinds::ANON,
        _ => kinds::OTHER,
    };
    (kind, label)
}

fn is_shared_memory(path: &str) -> bool {
    ["/dev/zero", "/SYSV", "/memfd:"].iter().any(|prefix| path.starts_with(prefix))
}

fn is_guard(mapping: &Mapping<'_>) -> bool {
    let perms = mapping.perms;
    mapping.path.is_empty() && !perms.read && !perms.write && !perms.exec
}

/// Reads and groups the mappings of a process.
pub(crate) fn group_mappings(
    process: &ProcessDir,
    stack_pointers: &[u64],
    most: usize,
) -> Result<Vec<MappingGroup>> {
    let mut grouper = Grouper::new(tmpfs(process), stack_pointers.to_vec());
    process.mappings(|mapping| grouper.add(&mapping))?;
    Ok(grouper.finish(most))
}

/// The devices that the process sees as tmpfs.
fn tmpfs(process: &ProcessDir) -> HashSet<Dev> {
    let text = process.read("mountinfo").unwrap_or_default();
    parse_mountinfo(&text).filter(|mount| mount.fs_type == "tmpfs").map(|mount| mount.dev).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use target::procfs::smaps::parse;

    const MAPS: &[u8] = b"\
1000-2000 r--p 00000000 fe:00 1                          /lib/x.so
2000-3000 r-xp 00001000 fe:00 1                          /lib/x.so
3000-4000 r--p 00000000 fe:00 2                          /lib/locale.bin
4000-5000 rw-p 00000000 00:00 0                          [heap]
5000-6000 ---p 00000000 00:00 0
6000-8000 rw-p 00000000 00:00 0
8000-9000 ---p 00000000 00:00 0
9000-b000 rw-p 00000000 00:00 0
b000-c000 rwxp 00000000 00:00 0
c000-d000 rw-s 00000000 00:05 7                          /dev/zero (deleted)
d000-e000 rw-s 00000000 00:17 8                          /dev/shm/psm_1 (deleted)
e000-f000 r-xp 00000000 00:05 9                          /memfd:code (deleted)
f000-10000 rw-s 00000000 00:21 9                         /run/ring
10000-11000 rw-p 00000000 00:00 0                        [anon:cache]
11000-12000 rw-s 00000000 00:06 9                        /dev/nvidia0
12000-13000 rw-p 00000000 00:00 0                        [anon: glibc: pthread user stack: 7]
13000-14000 r-xp 00000000 00:00 0                        [vdso]
14000-15000 rw-p 00000000 00:00 0                        [stack]
";

    fn grouped(most: usize) -> Vec<(&'static str, String, u64)> {
        let tmpfs = HashSet::from([Dev { major: 0, minor: 0x21 }]);
        let mut grouper = Grouper::new(tmpfs, vec![0x6800, 0x14800]);
        parse(MAPS).for_each(|mapping| grouper.add(&mapping));
        let mut all: Vec<_> =
            grouper.finish(most).into_iter().map(|g| (g.kind, g.name, g.mappings)).collect();
        all.sort();
        all
    }

    #[test]
    fn every_kind_is_told() {
        let expected = [
            ("anonymous", "[anon:cache]", 1),
            ("anonymous", ANON, 3),
            ("file", "/lib/locale.bin", 1),
            ("heap", "[heap]", 1),
            ("jit", "/memfd:code (deleted)", 1),
            ("jit", ANON, 1),
            ("library", "/lib/x.so", 2),
            ("other", "/dev/nvidia0", 1),
            ("shared", "/dev/shm/psm_1 (deleted)", 1),
            ("shared", "/dev/zero (deleted)", 1),
            ("shared", "/run/ring", 1),
            ("stack", "[stack]", 1),
            ("stack", THREAD_STACKS, 2),
            ("vdso", "[vdso]", 1),
        ];
        let expected: Vec<_> = expected.map(|(k, n, c)| (k, n.to_owned(), c)).into();
        assert_eq!(grouped(100), expected);
    }

    /// However many there are: a bounded number of rows, and nothing lost in the sums.
    #[test]
    fn what_does_not_fit_is_summed() {
        let few = grouped(3);
        assert_eq!(few.len(), 4);
        assert!(few.iter().any(|g| g.0 == "other" && g.1 == OTHERS));
        let total = |groups: &[(&str, String, u64)]| groups.iter().map(|g| g.2).sum::<u64>();
        assert_eq!(total(&few), total(&grouped(100)));
    }
}
