//! The `process` probe as a plugin: the numbers of the platform.
#![forbid(unsafe_code)]

plugin::export_probe!(probe_process::ProcessProbe);
