//! The object graph of a process as columns, and what can be learned from it: who holds an object,
//! what would be freed with it, what no root reaches, which reference counts nobody accounts for,
//! and what grew between two looks. Pure: no I/O, and no knowledge of any interpreter.
//!
//! A reader fills [`Objects`], hands edges to a [`Builder`] in order of their sources and gets a
//! validated [`Graph`]. Every analysis is iterative, deterministic and bounded by the columns.
//! `docs/heap.md` says what each answer means.
#![forbid(unsafe_code)]

mod ahead;
mod audit;
mod build;
mod climb;
mod crossings;
mod dominators;
mod fast;
mod forest;
mod garbage;
mod graph;
mod growth;
mod held;
mod ids;
mod keeper;
mod label;
mod name;
mod objects;
mod order;
mod paths;
mod reach;
mod referrers;
mod retained;
mod root;
mod scc;
mod shapes;
mod summary;
mod tree;
mod walk;
mod ways;

pub use audit::{Audit, Excess, ExcessSum};
pub use build::{Builder, EdgeChunk};
pub use dominators::{Dominator, Dominators};
pub use garbage::{Garbage, Sum};
pub use graph::{Edge, Graph, TypeInfo};
pub use growth::{Change, ContainerGrowth, Growth, ShapeGrowth};
pub use held::Held;
pub use ids::{EdgeId, Label, ObjectId, RootId, TypeId};
pub use keeper::{Keeper, Keepers};
pub use label::{FIRST_SLOT, How, LabelInfo, Strength, UNNAMED_SLOT};
pub use name::Step;
pub use objects::{IMMORTAL_COUNT, Object, Objects, flags};
pub use paths::Paths;
pub use reach::{ObjectSet, Through};
pub use referrers::Referrers;
pub use retained::{Group, Retained};
pub use root::{RootEdge, RootInfo, RootKind};
pub use scc::Components;
pub use shapes::{Holder, Shapes};
pub use summary::{CONTAINER, Container, ExcessTotal, Path, Summary};
pub use ways::{HeldSum, Ways};
