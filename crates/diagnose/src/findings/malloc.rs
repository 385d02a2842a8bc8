//! What glibc's `malloc` keeps for later, and what would give how much of it back.

use diff::human;
use probe::tables::{malloc_arenas, malloc_settings};
use probe::{Snapshot, Table};

use super::kept::Lever;
use crate::curve::GRAIN_BYTES;
use crate::footprint::number;

/// The trim threshold that glibc starts with.
const TRIM_THRESHOLD: f64 = 131_072.0;
/// So many arenas are left with `MALLOC_ARENA_MAX=2`.
const FEW: usize = 2;

/// Free bytes of an arena, on whichever list.
pub(super) fn free(table: &Table, row: usize) -> Option<f64> {
    use malloc_arenas as t;
    let lists = [t::BYTES_FREE, t::BYTES_FAST, t::BYTES_CACHED, t::BYTES_TOP];
    lists.iter().map(|name| number(table, name, row)).sum()
}

/// Free bytes of an arena that take memory; all of them where the system does not say.
pub(super) fn resident(table: &Table, row: usize) -> Option<f64> {
    number(table, malloc_arenas::FREE_RESIDENT, row).or_else(|| free(table, row))
}

/// What is kept at a look. Bytes.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// Free and resident by arena, most first.
    arenas: Vec<f64>,
    /// Arenas of threads, and what is free in them.
    threads: (u64, f64),
    /// What trimming gives.
    trim: Option<f64>,
    /// Resident tops of all arenas beyond the threshold that glibc starts with.
    tops: f64,
    /// The threshold for tops.
    threshold: Option<f64>,
    /// The most arenas that were allowed; 0: as many as glibc likes.
    arena_max: Option<f64>,
    /// In caches of threads.
    cached: f64,
    largest: f64,
}

impl Kept {
    pub(super) fn of(look: &Snapshot) -> Option<Self> {
        use malloc_arenas as t;
        let table = look.table(t::TABLE)?;
        let mut kept = Self::default();
        for row in 0..table.rows() {
            let bytes = resident(table, row).unwrap_or(0.0);
            kept.arenas.push(bytes);
            if table.value(t::KIND, row).as_str() == Some("thread") {
                kept.threads.0 += 1;
                kept.threads.1 += bytes;
            }
            let top = number(table, t::TRIM_TOP, row);
            let trim = top.zip(number(table, t::TRIM_INSIDE, row)).map(|(a, b)| a + b);
            kept.trim = trim.map_or(kept.trim, |trim| Some(kept.trim.unwrap_or(0.0) + trim));
            let top = number(table, t::TOP_RESIDENT, row).or(top).unwrap_or(0.0);
            kept.tops += (top - TRIM_THRESHOLD).max(0.0);
            kept.cached += number(table, t::BYTES_CACHED, row).unwrap_or(0.0);
            kept.largest = kept.largest.max(number(table, t::LARGEST, row).unwrap_or(0.0));
        }
        kept.arenas.sort_by(|a, b| b.total_cmp(a));
        let settings = look.table(malloc_settings::TABLE);
        let setting = |name| settings.and_then(|table| number(table, name, 0));
        kept.threshold = setting(malloc_settings::TRIM_THRESHOLD);
        kept.arena_max = setting(malloc_settings::ARENA_MAX);
        Some(kept)
    }

    /// What would give how much back.
    pub(super) fn levers(&self) -> Vec<Lever> {
        [self.trimming(), self.fewer_arenas(), self.threshold()].into_iter().flatten().collect()
    }

    fn trimming(&self) -> Option<Lever> {
        let bytes = self.trim?;
        Some(Lever {
            bytes,
            words: format!("malloc_trim(0) would give back {}", human::bytes(bytes)),
            advice: "Call malloc_trim(0) after peaks (ctypes.CDLL(None).malloc_trim(0)).",
        })
    }

    /// Each of the arenas that are left grows to what one of them has now, if its threads have
    /// their peaks one after the other; if all have them at once, nothing is won.
    fn fewer_arenas(&self) -> Option<Lever> {
        let is_few = self.arena_max.is_some_and(|most| (1.0..=FEW as f64).contains(&most));
        let bytes: f64 = self.arenas.iter().skip(FEW).sum();
        (!is_few && bytes > 0.0).then(|| Lever {
            bytes,
            words: format!(
                "MALLOC_ARENA_MAX=2 would leave two of {} arenas and save up to {}: as much if \
                 threads have their peaks one after the other, nothing if all at once",
                self.arenas.len(),
                human::bytes(bytes)
            ),
            advice: "Start the program with MALLOC_ARENA_MAX=2 if many threads allocate.",
        })
    }

    /// What a threshold as at the start would give back of tops.
    fn threshold(&self) -> Option<Lever> {
        let raised = self.threshold.is_some_and(|threshold| threshold > TRIM_THRESHOLD);
        (raised && self.tops > 0.0).then(|| Lever {
            bytes: self.tops,
            words: format!(
                "MALLOC_TRIM_THRESHOLD_=131072 would give back {} at the ends of heaps; it keeps \
                 blocks of 128 KiB and more out of them, too",
                human::bytes(self.tops)
            ),
            advice: "MALLOC_TRIM_THRESHOLD_=131072 keeps the ends of heaps short.",
        })
    }

    pub(super) fn evidence(&self) -> Vec<String> {
        let mut evidence = Vec::new();
        if self.threads.0 > 0 {
            let (arenas, bytes) = (self.threads.0, human::bytes(self.threads.1));
            evidence.push(format!("{arenas} arenas of threads hold {bytes} of it"));
        }
        if self.largest + self.cached >= GRAIN_BYTES / 16.0 {
            evidence.push(format!(
                "the largest free chunk of malloc has {}; caches of threads hold {}",
                human::bytes(self.largest),
                human::bytes(self.cached)
            ));
        }
        evidence
    }
}
