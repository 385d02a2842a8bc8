//! The `alloc` probe as a plugin: the native heap.
#![forbid(unsafe_code)]

plugin::export_probe!(probe_alloc::AllocProbe);
