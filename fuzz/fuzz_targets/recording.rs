//! Recordings: any bytes are read to an end, and what is whole survives damage behind it.
#![no_main]

use capture::recording::{Item, ReadLimits, Recording};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = ReadLimits { line_bytes: 1 << 16, ..ReadLimits::default() };
    let Ok(recording) = Recording::read(bytes, limits) else { return };
    let lines = bytes.iter().filter(|&&b| b == b'\n').count() + 1;
    let items: Vec<Item> = recording.collect();
    let closing = 4;
    assert!(items.len() <= lines + closing, "{} items of {lines} lines", items.len());
    let snapshots =
        |items: &[Item]| items.iter().filter(|item| matches!(item, Item::Snapshot(_))).count();
    // The same through a reader that looks at the ends only.
    let ends = Recording::read(bytes, limits).expect("read before").into_ends();
    assert_eq!(ends.snapshots, snapshots(&items) as u64);
    // Cutting off the last byte costs one line at most.
    if let Some((_, cut)) = bytes.split_last()
        && let Ok(recording) = Recording::read(cut, limits)
    {
        let fewer: Vec<Item> = recording.collect();
        assert!(snapshots(&fewer) + 1 >= snapshots(&items));
    }
});
