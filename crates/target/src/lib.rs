//! FILL

#[cfg(all(feature = "memory", target_os = "linux"))]
pub mod elf;
#[cfg(all(feature = "memory", target_os = "linux"))]
pub mod images;
#[cfg(all(feature = "memory", target_os = "linux"))]
pub mod memory;
pub mod procfs;
