//! Documents of plugins: decoded, checked, and taken through diff, trend and report.
#![no_main]

use libfuzzer_sys::fuzz_target;
use probe::{Descriptor, Limits, Request, Snapshot};
use report::{Format, Style};

fuzz_target!(|bytes: &[u8]| {
    let _ = serde_json::from_slice::<Descriptor>(bytes);
    let _ = serde_json::from_slice::<Request>(bytes);
    let limits = Limits { rows: 1000, ..Limits::default() };
    let Ok(snapshot) = Snapshot::from_json(bytes, &limits) else { return };
    let again = Snapshot::from_json(snapshot.to_json().as_bytes(), &limits);
    assert!(again.is_ok(), "own document refused: {again:?}");
    let mut later = snapshot.clone();
    later.taken.monotonic_ns = later.taken.monotonic_ns.wrapping_add(1_000_000_000);
    later.tables.reverse();
    assert!(diff::compare(&snapshot, &snapshot).tables.is_empty(), "differs from itself");
    let _ = diff::compare(&snapshot, &later);
    let trends = diff::trend(&[&snapshot, &later]);
    for format in Format::ALL {
        let mut out = Vec::new();
        let rendered = format.renderer(Style::default()).render_trends(&trends, &mut out);
        assert!(rendered.is_ok() && std::str::from_utf8(&out).is_ok());
    }
});
