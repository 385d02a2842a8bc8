//! What makes a probe a plugin.
//!
//! An author implements [`probe::Open`] and writes one line:
//!
//! ```
//! # use probe::{Characteristics, Descriptor, Level, Open, Probe, Request, Result, Snapshot};
//! # struct MyProbe(Descriptor);
//! # impl Probe for MyProbe {
//! #     fn descriptor(&self) -> &Descriptor { &self.0 }
//! #     fn snapshot(&mut self, request: &Request) -> Result<Snapshot> {
//! #         Ok(Snapshot::new(Default::default(), request.target.clone(), Default::default()))
//! #     }
//! # }
//! # impl Open for MyProbe {
//! #     type Config = std::collections::BTreeMap<String, String>;
//! #     fn describe() -> Descriptor {
//! #         Descriptor { name: "mine".into(), version: "1".into(), summary: String::new(),
//! #             level: Level::High, questions: vec![], characteristics: Characteristics::default() }
//! #     }
//! #     fn open(_: Self::Config) -> Result<Self> { Ok(Self(Self::describe())) }
//! # }
//! # use memprobe_plugin as plugin;
//! plugin::export_probe!(MyProbe);
//! # fn main() {}
//! ```
//!
//! in a crate of type `cdylib`, which may forbid unsafe code. The line exports the one symbol of
//! the ABI ([`abi`], or `include/memprobe_plugin.h` for authors in C). Panics become errors and
//! `tracing` events reach the host.
//!
//! [`table`] gives the same table of functions without the symbol, for linking probes into the
//! host: what is loaded and what is linked answer through the same functions.

pub mod abi;
mod bridge;
mod bytes;
mod entry;
mod guard;

pub use bridge::is_cancelled;
pub use entry::table;

/// Exports a type that implements [`probe::Open`] as a plugin. Once per library.
#[macro_export]
macro_rules! export_probe {
    ($probe:ty) => {
        $crate::export_table!($crate::__private::exported::<$probe>());
    };
}

/// Exports a table of functions made by hand, for libraries that need more than
/// [`export_probe!`] gives. Once per library.
#[macro_export]
macro_rules! export_table {
    ($table:expr) => {
        #[cfg(panic = "abort")]
        ::core::compile_error!(
            "a memprobe plugin must be built with panic = \"unwind\": with \"abort\" a panic \
             of the probe would end the program that loaded it"
        );

        /// The one symbol of a plugin.
        #[unsafe(no_mangle)]
        pub extern "C" fn memprobe_plugin_v1() -> *const $crate::abi::Plugin {
            $table
        }
    };
}

#[doc(hidden)]
pub mod __private {
    //! For the macros of this crate.
    pub use crate::entry::exported;
}
