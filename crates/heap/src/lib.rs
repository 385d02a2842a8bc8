//! The object graph of a process as columns, and what can be learned from it: who holds an object,
//! what would be freed with it, what no root reaches, which reference counts nobody accounts for,
//! and what grew between two looks. Pure: no I/O, and no knowledge of any interpreter.
//!
//! A reader fills [`Objects`], hands edges to a [`Builder`] in order of their sources and gets a
//! validated [`Graph`]. Every analysis is iterative, deterministic and bounded by the columns.
//! `docs/heap.md` says what each answer means.
#![forbid(unsafe_code)]

mod build;
mod graph;
mod ids;
mod label;
mod objects;
mod root;

pub use build::{Builder, EdgeChunk};
pub use graph::{Edge, Graph, TypeInfo};
pub use ids::{EdgeId, Label, ObjectId, RootId, TypeId};
pub use label::{FIRST_SLOT, How, LabelInfo, Strength, UNNAMED_SLOT};
pub use objects::{IMMORTAL_COUNT, Object, Objects, flags};
pub use root::{RootEdge, RootInfo, RootKind};
