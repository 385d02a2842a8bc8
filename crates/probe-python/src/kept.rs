//! The question `capture`: the graph of objects into the folder of a capture.

use heap::{Graph, Shapes};
use probe::{Request, Result, TableFile};

use crate::attach::Python;

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

/// Writes the tables: the graph, the ways in which objects are held, and, if they were asked for,
/// short contents. Returns the shapes of these ways.
#[cfg(feature = "capture")]
pub(crate) fn write(
    python: &Python,
    graph: &Graph,
    request: &Request,
    values: bool,
) -> Result<(Vec<TableFile>, Option<Shapes>)> {
    match &request.capture_dir {
        Some(folder) if is_wanted(request) => {
            let ways = heap::Ways::new(graph, heap::Through::Loose);
            let mut files = capture::graph::write_with_ways(folder, graph, &ways)?;
            let shapes = ways.into_shapes();
            if values {
                let rules = python.rules()?.0;
                files.push(crate::values::write(folder, graph, python.memory(), rules)?);
            }
            Ok((files, Some(shapes)))
        }
        _ => Ok((Vec::new(), None)),
    }
}

#[cfg(not(feature = "capture"))]
pub(crate) fn write(
    _: &Python,
    _: &Graph,
    _: &Request,
    _: bool,
) -> Result<(Vec<TableFile>, Option<Shapes>)> {
    Ok((Vec::new(), None))
}
