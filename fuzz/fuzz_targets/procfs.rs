//! Files of `/proc`: the first byte says which, the rest is the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use target::procfs::{cgroup, fd, host, limits, smaps, stat};

fuzz_target!(|bytes: &[u8]| {
    let Some((&which, file)) = bytes.split_first() else { return };
    match which % 13 {
        0 => _ = smaps::sum(smaps::parse(file)),
        1 => _ = smaps::parse_rollup(file),
        2 => stream_agrees(file),
        3 => _ = stat::Statm::parse(file),
        4 => _ = stat::Stat::parse(file).map(|s| (s.is_zombie(), s.is_kernel_thread())),
        5 => _ = stat::Status::parse(file),
        6 => cgroup::parse_mountinfo(file).for_each(drop),
        7 => cgroup::parse(file).for_each(drop),
        8 => places(file),
        9 => _ = host::Meminfo::parse(file),
        10 => _ = host::Pressure::parse(file),
        11 => _ = (host::parse_boot_time(file), host::parse_uptime(file)),
        _ => {
            _ = limits::Rlimits::parse(file);
            _ = fd::kind(&String::from_utf8_lossy(file));
        }
    }
});

/// What is streamed in pieces is what is parsed at once.
fn stream_agrees(file: &[u8]) {
    let mut streamed = Vec::new();
    let whole = smaps::stream(file, |m| streamed.push(m.into_owned()));
    let parsed: Vec<_> = smaps::parse(file).map(smaps::Mapping::into_owned).collect();
    if whole.is_ok() {
        assert_eq!(streamed, parsed);
    }
    for mapping in &parsed {
        assert!(mapping.end >= mapping.start && mapping.len() == mapping.end - mapping.start);
    }
}

/// The first half is `cgroup`, the second half `mountinfo`.
fn places(file: &[u8]) {
    let middle = file.iter().position(|&b| b == 0).unwrap_or(file.len());
    let (cgroup, mountinfo) = file.split_at(middle);
    for place in cgroup::places(cgroup, mountinfo.get(1..).unwrap_or_default()) {
        place.folders().take(1000).for_each(drop);
    }
}
