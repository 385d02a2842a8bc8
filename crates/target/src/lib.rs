//! Reaching into another process, without changing it (but for the feature `remote`).
//!
//! [`procfs`] parses what the kernel says of a process and needs nothing else: it is all that the
//! process probe compiles. With the feature `memory` (on by default) come `memory` (the seam
//! through which parsers read another process: live, cached or fake), `elf` (its programs and
//! libraries), `images` (where they are mapped), `corefile` (what is left of a process that is gone)
//! and `gentle` (reading without being in the way); with `freeze`, `freeze` (holding a process still
//! while it is read) and `doctor` (what of all this works on a process). Only with `remote`, off by
//! default, can a process be written to, and its main thread have a call to make (`remote`).
//!
//! Unsafe code of the readers stands here and nowhere above.

#[cfg(all(feature = "memory", target_os = "linux"))]
pub mod corefile;
#[cfg(all(feature = "freeze", target_os = "linux"))]
pub mod doctor;
#[cfg(all(feature = "memory", target_os = "linux"))]
pub mod elf;
#[cfg(all(feature = "freeze", target_os = "linux"))]
pub mod freeze;
#[cfg(all(feature = "memory", target_os = "linux"))]
pub mod gentle;
#[cfg(all(feature = "memory", target_os = "linux"))]
pub mod images;
#[cfg(all(feature = "memory", target_os = "linux"))]
pub mod memory;
pub mod procfs;
#[cfg(all(feature = "remote", target_os = "linux"))]
pub mod remote;
