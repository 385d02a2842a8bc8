//! Programs and libraries of strangers: parsed without a panic, whatever they hold.
#![no_main]

use std::io::{Seek, Write};

use libfuzzer_sys::fuzz_target;
use target::elf::Elf;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(bytes).and_then(|()| file.rewind()).expect("room for a small file");
    let Ok(elf) = Elf::parse(file) else { return };
    let _ = elf.section(".PyRuntime");
    let _ = elf.symbols(["_PyRuntime", "Py_Version"]);
    let _ = elf.load_biases(&[(0x1000..0x5000, 0), (0x7000..0x9000, 0x1000)], 4096);
});
