//! Every object that lives, also those that the collector does not track, by type.
//!
//! A block is an object when the word behind a sane reference count is the address of a type
//! whose instances begin there, and the object fits its block. Nothing else is asked of the
//! interpreter: no list, no symbol, no offset of its state.

pub(crate) mod elsewhere;
pub(crate) mod names;
pub(crate) mod object;
pub mod rules;
pub(crate) mod sizes;
pub(crate) mod table;
pub(crate) mod tally;
pub(crate) mod types;

pub use tally::Counts;
