//! What Linux says about processes in `/proc`.
//!
//! Two layers. The parsers are functions from bytes to values: they accept anything, never
//! panic, and leave out what they do not understand; they exist on every platform. Above them,
//! on Linux only, [`ProcessDir`] opens the files of *one* process: it is tied to the process
//! and not to its number, and turns every failure into a sentence with a next step.
//!
//! A file that is asked again and again is opened once ([`ProcessDir::file`]) and read by one
//! `pread` each time ([`read_again`]).

mod calls;
pub mod cgroup;
pub mod fd;
pub mod host;
pub mod limits;
pub mod pagemap;
pub mod smaps;
pub mod stat;
mod text;

#[cfg(target_os = "linux")]
pub mod clock;
#[cfg(target_os = "linux")]
mod process;
#[cfg(target_os = "linux")]
mod tree;

pub use calls::system_call;
#[cfg(target_os = "linux")]
pub use process::{ProcessDir, identify, read_again, read_smaps};
#[cfg(target_os = "linux")]
pub use tree::{children, parents, pids};

#[cfg(all(test, target_os = "linux"))]
#[allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot set itself up should stop; one that skips says so"
)]
mod tests;
