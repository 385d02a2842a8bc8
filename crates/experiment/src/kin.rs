//! Children that a process forked while a word of it was changed: they have the change too.

use probe::{Result, Target};
use target::memory::{LiveMemory, ReadMemory};
use target::procfs::{ProcessDir, pids};

/// The entry of the auxiliary vector that leads to the random bytes.
const AT_RANDOM: u64 = 25;
/// How many there are.
const RANDOM: usize = 16;

/// What a program has in common with all that it forks and with nobody else: the kernel gives 16
/// random bytes to each program that it starts, and a fork copies them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    vector: Vec<u8>,
    random: [u8; RANDOM],
}

impl Mark {
    /// That of a process.
    ///
    /// # Errors
    /// When its memory cannot be read.
    pub(crate) fn of(target: &Target) -> Result<Option<Self>> {
        let memory = LiveMemory::open(target)?;
        let vector = memory.process().read("auxv")?;
        let Some(address) = entry(&vector, AT_RANDOM) else { return Ok(None) };
        let mut random = [0; RANDOM];
        memory.read(address, &mut random)?;
        Ok(Some(Self { vector, random }))
    }

    /// The processes that were forked from this one, or from each other, at or after a moment in
    /// clock ticks since boot, and have not started another program.
    pub(crate) fn kin(&self, since: u64, of: u32) -> Vec<Target> {
        let young = |pid: u32| {
            let process = ProcessDir::open(pid).ok()?;
            let start_id = process.start_ticks();
            (start_id >= since && pid != of).then(|| Target { start_id, ..Target::from_pid(pid) })
        };
        let all = pids().unwrap_or_default().into_iter().filter_map(young);
        all.filter(|target| Self::of(target).is_ok_and(|mark| mark.as_ref() == Some(self)))
            .collect()
    }
}

fn entry(vector: &[u8], wanted: u64) -> Option<u64> {
    let (words, _) = vector.as_chunks::<8>();
    let words: Vec<u64> = words.iter().map(|word| u64::from_ne_bytes(*word)).collect();
    words.chunks_exact(2).find(|pair| pair[0] == wanted).map(|pair| pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found() {
        let words = |list: &[u64]| list.iter().flat_map(|w| w.to_ne_bytes()).collect::<Vec<u8>>();
        assert_eq!(entry(&words(&[6, 4096, 25, 77, 0, 0]), AT_RANDOM), Some(77));
        assert_eq!(entry(&words(&[25]), AT_RANDOM), None);
        assert_eq!(entry(&[1, 2, 3], AT_RANDOM), None);
    }
}
