//! The way of 3.6 to 3.13: one call that the interpreter makes itself, between two instructions.

use probe::Result;
use target::images::mappings;
use target::memory::{LiveMemory, ReadMemory};
use target::procfs::ProcessDir;
use target::remote::{Fit, Manner, visit};

use super::shelf::{Shelf, calls, refused};
use super::{Options, Recipient, lay};

/// `PROT_READ` and `MAP_SHARED`.
const READ: u64 = 1;
const SHARED: u64 = 1;
/// How much is searched at a time, bytes.
const PIECE: usize = 1 << 20;
/// The most memory that is searched, bytes.
const MOST: u64 = 64 << 30;

/// Lays the text in the target and puts it into the interpreter's queue.
pub(super) fn hand_over(
    recipient: &Recipient,
    code: &str,
    name: &str,
    options: Options<'_>,
) -> Result<(Shelf, u64)> {
    let interpreter = &recipient.interpreter;
    let fit = Fit::Placed(&interpreter.program);
    let manner = Manner { fit, all_threads: false, patience: options.patience };
    visit(&recipient.target(), manner, |visit| {
        let shelf = Shelf::make(&recipient.process, visit, name)?;
        let (length, reports) = lay(recipient, &shelf, code)?;
        let page = visit.system_call(calls::MMAP, [0, length, READ, SHARED, shelf.fd, 0])?;
        let page = u64::try_from(page).map_err(|_| refused("a page of memory", page))?;
        visit.call(interpreter.hand_over, [interpreter.run, page, 0])?;
        Ok((shelf, reports))
    })
}

/// Where the queue of calls has the call of a text: the addresses of the function's word. Also
/// places where it was, of which nothing knows any more.
pub(super) fn places(
    process: &ProcessDir,
    memory: &LiveMemory,
    run: u64,
    pages: &[(u64, u64)],
) -> Result<Vec<u64>> {
    let mut found = Vec::new();
    let mut searched = 0;
    let mut bytes = vec![0; PIECE + 8];
    for mapping in mappings(process)? {
        if !mapping.perms.write || !mapping.perms.read || mapping.perms.shared {
            continue;
        }
        let mut at = mapping.start;
        while at < mapping.end && searched < MOST {
            // A word more: the pair may lie across.
            let length = (bytes.len() as u64).min(mapping.end - at) as usize;
            let piece = &mut bytes[..length];
            memory.read_with_holes(at, piece)?;
            found.extend(pairs(piece, run, pages).map(|offset| at + offset));
            at += PIECE as u64;
            searched += PIECE as u64;
        }
    }
    found.dedup();
    Ok(found)
}

/// Whether a place still has the call of one of these pages.
pub(super) fn is_there(memory: &LiveMemory, place: u64, run: u64, pages: &[(u64, u64)]) -> bool {
    let mut bytes = [0; 16];
    memory.read(place, &mut bytes).is_ok() && pairs(&bytes, run, pages).next().is_some()
}

/// Where a piece of memory has the function and behind it the page.
fn pairs(bytes: &[u8], run: u64, pages: &[(u64, u64)]) -> impl Iterator<Item = u64> {
    let words = bytes.chunks_exact(8).map(|w| u64::from_ne_bytes(w.try_into().unwrap_or_default()));
    let next = words.clone().skip(1);
    (0..).step_by(8).zip(words.zip(next)).filter_map(move |(offset, (first, second))| {
        let is_one = first == run && pages.iter().any(|&(start, _)| start == second);
        is_one.then_some(offset)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_found_in_this_order_only() {
        let bytes: Vec<u8> =
            [7_u64, 8, 7, 9, 7, 8].iter().flat_map(|word| word.to_ne_bytes()).collect();
        assert_eq!(pairs(&bytes, 7, &[(8, 9)]).collect::<Vec<_>>(), [0, 32]);
        assert_eq!(pairs(&bytes, 8, &[(7, 8)]).collect::<Vec<_>>(), [8]);
        assert_eq!(pairs(&[1; 5], 7, &[(8, 9)]).count(), 0);
    }
}
