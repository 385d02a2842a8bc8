//! The mappings of a process, as far as its core tells them.

use super::{Backing, CoreFile, Load};
use crate::images::Mapping;
use crate::memory::ReadMemory;
use crate::procfs::smaps::Perms;

/// What the kernel calls files that only shared memory has.
const SHARED: [&str; 4] = ["/dev/zero (deleted)", "/dev/shm/", "/memfd:", "/SYSV"];
/// The register that points to the stack, in the kernel's order.
const STACK_POINTER: usize = if cfg!(target_arch = "aarch64") { 31 } else { 19 };

/// The mappings, in order of address, with the labels that can be told.
pub(super) fn of(core: &CoreFile) -> Vec<Mapping> {
    let mut list: Vec<Mapping> = core.loads.iter().filter_map(|load| of_load(core, load)).collect();
    // `gcore` writes no header for what it leaves to files.
    let covered = |at: u64| core.load_at(at).is_some();
    for file in core.notes.files.iter().filter(|file| !covered(file.range.start)) {
        let code = Perms { read: true, exec: true, ..Perms::default() };
        let backed = matches!(core.backing.get(file.path), Some(Backing::Same(_)));
        let next = core.loads.partition_point(|load| load.range.start < file.range.start);
        let free = core.loads.get(next).is_none_or(|load| load.range.start >= file.range.end);
        if backed && free {
            let mut mapping =
                Mapping { start: file.range.start, end: file.range.end, ..Mapping::default() };
            mapping.perms = code;
            name(core, &mut mapping);
            list.push(mapping);
        }
    }
    list.sort_by_key(|mapping| mapping.start);
    label_heap(core, &mut list);
    label_stack(core, &mut list);
    list
}

/// The part of a stretch that can be read.
fn of_load(core: &CoreFile, load: &Load) -> Option<Mapping> {
    let whole = core.file_behind(load.range.start).is_some() && load.held == load.promised;
    let end = if whole { load.range.end } else { load.range.start + load.held };
    let [exec, write, read] = [1, 2, 4].map(|bit| load.flags & bit != 0);
    let perms = Perms { read, write, exec, shared: false };
    let mut mapping = Mapping { start: load.range.start, end, perms, ..Mapping::default() };
    name(core, &mut mapping);
    let is_shared = SHARED.iter().any(|start| mapping.path.starts_with(start));
    mapping.perms.shared = is_shared || (write && load.promised == 0 && mapping.inode != 0);
    (load.range.start < end).then_some(mapping)
}

/// Gives a mapping its file.
fn name(core: &CoreFile, mapping: &mut Mapping) {
    let Some(file) = core.notes.file_at(mapping.start) else { return };
    mapping.offset = file.offset.saturating_add(mapping.start - file.range.start);
    mapping.inode = file.path as u64 + 1;
    mapping.path = core.notes.paths[file.path].clone().into();
}

fn is_anonymous(mapping: &Mapping) -> bool {
    mapping.path.is_empty() && mapping.perms.read && mapping.perms.write
}

/// The heap of `brk` is the first anonymous memory above the program (`arch_randomize_brk` in the
/// kernel), behind its `.bss`, if the C library's allocator has begun a heap there.
fn label_heap(core: &CoreFile, list: &mut [Mapping]) {
    let program = core.notes.entry.and_then(|entry| core.notes.file_at(entry));
    let Some(inode) = program.map(|file| file.path as u64 + 1) else { return };
    let Some(last) = list.iter().rposition(|mapping| mapping.inode == inode) else { return };
    let behind = list[last + 1..].iter_mut().take_while(|mapping| mapping.path.is_empty());
    if let Some(heap) = behind.filter(|m| is_anonymous(m)).find(|m| is_heap(core, m)) {
        heap.path = "[heap]".into();
    }
}

/// Whether the first chunk of glibc's allocator stands there: in use, and no larger than it all.
fn is_heap(core: &CoreFile, mapping: &Mapping) -> bool {
    let [before, size] =
        [0, 8].map(|at| core.read_u64(mapping.start.saturating_add(at)).unwrap_or(0));
    let length = size & !7;
    before == 0 && size & 7 == 1 && (32..=mapping.len()).contains(&length) && length % 16 == 0
}

/// The stack of the first thread, whose number is that of the process.
fn label_stack(core: &CoreFile, list: &mut [Mapping]) {
    let first = core.notes.threads.iter().find(|thread| thread.tid == core.notes.pid);
    let Some(&top) = first.and_then(|thread| thread.registers.get(STACK_POINTER)) else { return };
    let mut anonymous = list.iter_mut().filter(|mapping| is_anonymous(mapping));
    if let Some(stack) = anonymous.find(|mapping| (mapping.start..mapping.end).contains(&top)) {
        stack.path = "[stack]".into();
    }
}
