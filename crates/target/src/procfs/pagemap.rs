//! Which pages of a process are resident, from `/proc/PID/pagemap`.

use std::ops::Range;
use std::os::unix::fs::FileExt;

use probe::Result;

use super::{ProcessDir, clock};

/// Bytes of the file that are read at once: entries of 8192 pages.
const PIECE: u64 = 1 << 16;
/// Bytes of an entry.
const ENTRY: u64 = 8;
/// The page is in memory.
const PRESENT: u64 = 1 << 63;

/// Resident bytes of each range. Where pages are needs no right beyond that to trace the process.
///
/// # Errors
/// As [`ProcessDir::file`].
pub fn resident(process: &ProcessDir, ranges: &[Range<u64>]) -> Result<Vec<u64>> {
    let file = process.file("pagemap")?;
    let page = clock::page_size().max(1);
    let mut buffer = vec![0; PIECE as usize];
    let mut counts = Vec::with_capacity(ranges.len());
    for range in ranges {
        let (mut at, end) = (range.start / page, range.end.div_ceil(page));
        let mut present = 0;
        while at < end {
            let length = ((end - at).saturating_mul(ENTRY)).min(PIECE) as usize;
            let offset = at.saturating_mul(ENTRY);
            let read = file
                .read_at(&mut buffer[..length], offset)
                .map_err(|error| process.explain("pagemap", error))?;
            let entries = buffer[..read].as_chunks::<8>().0;
            if entries.is_empty() {
                break;
            }
            let is_present = |entry: &&[u8; 8]| u64::from_ne_bytes(**entry) & PRESENT != 0;
            present += entries.iter().filter(is_present).count() as u64;
            at += entries.len() as u64;
        }
        counts.push(present * page);
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::Target;

    /// What was written to is resident, what was only asked for is not, nor what is not there.
    #[test]
    fn what_was_touched_is_resident() {
        let process = ProcessDir::open_target(&Target::from_pid(std::process::id())).unwrap();
        let page = clock::page_size();
        let bytes = vec![1_u8; 64 * page as usize];
        let start = (bytes.as_ptr() as u64).next_multiple_of(page);
        let ranges = [start..start + 60 * page, 0..page, 5..5];
        assert_eq!(resident(&process, &ranges).unwrap(), [60 * page, 0, 0]);
    }
}
