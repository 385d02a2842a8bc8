//! The `python` probe as a plugin: CPython from outside.
#![forbid(unsafe_code)]

plugin::export_probe!(probe_python::PythonProbe);
