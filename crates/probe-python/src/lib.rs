//! CPython looked at from outside: its interpreters, threads, collector, allocator and objects.
//!
//! Nothing runs in the target and nothing is written to it. The interpreter's global state
//! (`_PyRuntime`) is found in the program or any library that is mapped, its version decides by
//! which table it is read ([`layout`]), and what was read is checked against itself before
//! anything is believed.
//!
//! Pools of the allocator and live objects are recognised by their structure alone, in one pass
//! over all memory ([`walk`], [`pymalloc`], [`census`]).
//!
//! [`PythonProbe`] yields tables; [`Python`] is the typed way for other tools:
//!
//! ```no_run
//! # fn main() -> probe::Result<()> {
//! let python = memprobe_probe_python::Python::attach(&probe::Target::from_pid(4711))?;
//! for runtime in python.runtimes() {
//!     println!("Python {} in {}", runtime.version, runtime.library);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A host lends the probe a frozen copy of the process. Alone, it freezes by itself:
//!
//! ```no_run
//! use memprobe_probe_python::PythonProbe;
//! use probe::{Open, Probe, Request, Target};
//! use target::freeze::{Method, Options, freeze};
//!
//! # fn main() -> probe::Result<()> {
//! let process = Target::from_pid(4711);
//! let mut probe = PythonProbe::open(Default::default())?;
//! let mut request = Request::new(process.clone(), &["census"]);
//! let frozen = freeze(&process, Method::Auto, &Options::default())?;
//! request.frozen = Some(frozen.frozen());
//! let census = probe.snapshot(&request)?;
//! let paused = frozen.release()?.pause;
//! println!("{} tables, paused for {} ns", census.tables.len(), paused.total_ns);
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod attach;
pub mod blocks;
pub mod census;
mod collector;
mod describe;
mod find;
pub mod free_lists;
mod heap;
mod holders;
mod kept;
pub mod layout;
mod levers;
mod numbers;
mod old_interpreters;
mod os_threads;
mod probe_impl;
pub mod pymalloc;
pub mod refs;
mod rows;
mod source;
pub mod stacks;
mod state;
pub mod tracemalloc;
#[cfg(feature = "capture")]
mod values;
mod variables;
mod version;
pub mod walk;

pub use attach::{Python, version};
pub use blocks::samples::Sample;
pub use blocks::{Allocator, BlockRow, Blocks, Content, HolderRow, Part, PartRow, Pointed, State};
pub use census::Counts;
pub use collector::{Collector, Generation, Objects, Statistics};
pub use find::{FoundBy, Runtime};
pub use probe_impl::{Config, PythonProbe};
pub use refs::GraphOptions;
pub use state::{Interpreter, ThreadState};
pub use version::Version;
pub use walk::{Each, Survey, TypeCounts, Wanted};
