//! Questions to the graph of objects, of a capture or of a process: who holds what, what is
//! biggest, what only cycles keep, which counts nobody accounts for, what grew.

pub mod audit;
pub mod biggest;
pub mod dominators;
mod drawing;
pub mod garbage;
mod held;
pub mod holders;
pub mod leaks;
mod near;
mod source;
mod told;
mod why;
