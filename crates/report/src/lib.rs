//! The report of a run as data, and its forms: text for people, Markdown for issue trackers,
//! JSON for programs.
//!
//! [`Report`] is the contract of `docs/report.md`. A [`Renderer`] turns it, and the tables that
//! `memprobe diff` compares, into one form; there is one per [`Format`]. Renderers know tables by
//! their columns (name, unit, role) and never which probe they came from, so the table of a
//! plugin that nobody has met looks like ours. They do no I/O of their own.
//!
//! Names in a report come from strangers: command lines, paths, types. Nothing of them reaches
//! a terminal, a web page or a parser as anything but text; see [`clean`].
#![forbid(unsafe_code)]

mod clean;
mod comparison;
mod json;
mod live;
mod markdown;
mod model;
mod render;
mod spark;
mod table;
mod text;
mod trial;
mod view;
mod whereabouts;
mod words;

pub use clean::clean;
pub use json::Json;
pub use live::{Live, live_line};
pub use markdown::Markdown;
pub use model::*;
pub use render::{Format, Renderer, Style};
pub use spark::sparkline;
pub use table::{table_markdown, table_text};
pub use text::Text;
pub use trial::{Answer, Subject, Trial};
