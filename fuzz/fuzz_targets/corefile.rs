//! Core files of strangers: opened without a panic and without reading more than they have.
#![no_main]

use std::io::Write;

use libfuzzer_sys::fuzz_target;
use target::corefile::CoreFile;
use target::memory::ReadMemory;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for a small file");
    let Ok(core) = CoreFile::open(file.path()) else { return };
    let mut buffer = [0; 8192];
    let mut readable = 0;
    for mapping in core.mappings() {
        assert!(mapping.start < mapping.end);
        if mapping.inode == 0 {
            readable += mapping.end - mapping.start;
        }
        let _ = core.read_prefix(mapping.start, &mut buffer);
        let _ = core.read_prefix(mapping.end - 1, &mut buffer);
    }
    assert!(readable <= bytes.len() as u64, "{readable} bytes of memory in {}", bytes.len());
    let _ = (core.target(), core.threads(), core.issues(), core.missing());
});
