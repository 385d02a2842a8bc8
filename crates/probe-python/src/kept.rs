//! The question `capture`: the graph of objects into the folder of a capture.

use heap::Graph;
use probe::{Request, Result, TableFile};

/// The question.
pub(crate) const QUESTION: &str = "capture";

/// Whether a request names a folder and asks for the graph in it. Who asks for everything and
/// names no folder wants tables alone.
pub(crate) fn is_wanted(request: &Request) -> bool {
    cfg!(feature = "capture") && request.capture_dir.is_some() && request.wants(QUESTION)
}

/// Whether a request names the question and no folder.
pub(crate) fn lacks_folder(request: &Request) -> bool {
    request.capture_dir.is_none() && request.questions.iter().any(|asked| asked == QUESTION)
}

/// Writes the tables.
#[cfg(feature = "capture")]
pub(crate) fn write(graph: &Graph, request: &Request) -> Result<Vec<TableFile>> {
    match &request.capture_dir {
        Some(folder) if is_wanted(request) => capture::graph::write(folder, graph),
        _ => Ok(Vec::new()),
    }
}

#[cfg(not(feature = "capture"))]
pub(crate) fn write(_: &Graph, _: &Request) -> Result<Vec<TableFile>> {
    Ok(Vec::new())
}
