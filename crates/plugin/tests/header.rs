//! The header is good C11 and good C++17, and both sides see the same layout.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test stops where it cannot go on")]

use std::mem::{offset_of, size_of};
use std::path::Path;
use std::process::Command;

use memprobe_plugin::abi::{Bytes, Host, Plugin, Str};

/// A file that uses all of the header and holds it against Rust's layout.
fn source() -> String {
    let sizes = [
        ("memprobe_str", size_of::<Str>()),
        ("memprobe_bytes", size_of::<Bytes>()),
        ("memprobe_host", size_of::<Host>()),
        ("memprobe_plugin", size_of::<Plugin>()),
    ];
    let offsets = [
        ("memprobe_bytes", "release", offset_of!(Bytes, release)),
        ("memprobe_host", "max_level", offset_of!(Host, max_level)),
        ("memprobe_host", "is_cancelled", offset_of!(Host, is_cancelled)),
        ("memprobe_plugin", "reserved", offset_of!(Plugin, reserved)),
        ("memprobe_plugin", "close", offset_of!(Plugin, close)),
    ];
    let mut text = String::from(
        "#include \"memprobe_plugin.h\"\n#include <assert.h>\n\
         static int32_t describe(memprobe_bytes *out) { out->len = 0; return MEMPROBE_OK; }\n\
         static int32_t open_probe(const memprobe_host *host, memprobe_str config,\n\
             memprobe_probe **out, memprobe_bytes *err) {\n\
             (void)host; (void)config; (void)out; (void)err; return MEMPROBE_UNSUPPORTED; }\n\
         static int32_t snapshot(memprobe_probe *probe, memprobe_str request,\n\
             memprobe_bytes *out, memprobe_bytes *err) {\n\
             (void)probe; (void)request; (void)out; (void)err; return MEMPROBE_OTHER; }\n\
         static void close_probe(memprobe_probe *probe) { (void)probe; }\n\
         MEMPROBE_EXPORT const memprobe_plugin *memprobe_plugin_v1(void) {\n\
             static const memprobe_plugin plugin = { sizeof(memprobe_plugin), MEMPROBE_ABI_MINOR,\n\
                 0, describe, open_probe, snapshot, close_probe };\n\
             return &plugin; }\n",
    );
    for (name, size) in sizes {
        text += &format!("static_assert(sizeof({name}) == {size}, \"size of {name}\");\n");
    }
    for (name, field, offset) in offsets {
        text += &format!("static_assert(offsetof({name}, {field}) == {offset}, \"{field}\");\n");
    }
    text
}

#[test]
fn the_header_compiles_as_c_and_cpp_with_the_layout_of_rust() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
    for (compiler, standard, file) in
        [("cc", "-std=c11", "header.c"), ("c++", "-std=c++17", "header.cpp")]
    {
        let file = folder.join(file);
        std::fs::write(&file, source()).unwrap();
        let mut command = Command::new(compiler);
        command.args([
            standard,
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "-fsyntax-only",
            "-I",
        ]);
        match command.arg(&include).arg(&file).output() {
            Err(e) => println!("SKIPPED: the header is not compiled: cannot run `{compiler}`: {e}"),
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{compiler} {standard}: {said}");
            }
        }
    }
}
