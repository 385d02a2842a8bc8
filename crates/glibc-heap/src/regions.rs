//! Which memory of a process may hold what.

use std::ops::Range;

use target::images::{Mapping, images};

/// The most of the writable memory behind a file's data that is searched: `.bss` begins there,
/// and the kernel may have merged other memory to it.
const MOST_BSS: u64 = 16 << 20;
/// The most bytes of one file's data that are searched.
const MOST_DATA: u64 = 64 << 20;
/// The most files.
const MOST_FILES: usize = 4096;
/// Above all addresses of programs.
const HIGHEST: u64 = 1 << 57;

/// The memory of a process, by what it may hold.
#[derive(Clone, Debug, Default)]
pub struct Regions {
    /// Writable data of the C library, or of a program that has it linked in: where the main
    /// arena lies. The likeliest first.
    pub data: Vec<Range<u64>>,
    /// What `brk` grows.
    pub brk: Option<Range<u64>>,
    /// Private anonymous memory that can be written, without borders between neighbours.
    pub anonymous: Vec<Range<u64>>,
}

impl Regions {
    /// From the mappings of a process.
    #[must_use]
    pub fn new(mappings: &[Mapping]) -> Self {
        let mut regions = Self::default();
        let sound = |m: &&Mapping| m.start < m.end && m.end < HIGHEST;
        let mut ordered: Vec<&Mapping> = mappings.iter().filter(sound).collect();
        ordered.sort_by_key(|m| m.start);
        for mapping in ordered.iter().filter(|m| is_writable(m) && m.inode == 0) {
            let range = mapping.start..mapping.end;
            if mapping.path == "[heap]" {
                let brk = regions.brk.get_or_insert_with(|| range.clone());
                brk.end = brk.end.max(range.end);
            } else if mapping.path.is_empty() || mapping.path.starts_with("[anon:") {
                match regions.anonymous.last_mut() {
                    Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
                    _ => regions.anonymous.push(range),
                }
            }
        }
        regions.data = data(mappings, &ordered);
        regions
    }
}

fn is_writable(mapping: &Mapping) -> bool {
    mapping.perms.read && mapping.perms.write && !mapping.perms.shared
}

/// Writable data of files, those of C libraries first; `.bss` behind them with them.
fn data(mappings: &[Mapping], ordered: &[&Mapping]) -> Vec<Range<u64>> {
    let mut files = images(mappings);
    files.truncate(MOST_FILES);
    files.sort_by_key(|image| !is_libc(image.file_name()));
    let mut found = Vec::new();
    for mapping in files.iter().flat_map(|image| &image.mappings).filter(|m| is_writable(m)) {
        let mut end = mapping.end;
        let at = ordered.partition_point(|m| m.start < mapping.end);
        if let Some(next) = ordered.get(at)
            && next.start == end
            && next.inode == 0
            && is_writable(next)
        {
            end = next.end.min(end.saturating_add(MOST_BSS));
        }
        found.push(mapping.start..end.min(mapping.start.saturating_add(MOST_DATA)));
    }
    found
}

fn is_libc(file: &str) -> bool {
    file.starts_with("libc.so.6") || file.starts_with("libc-2.")
}
