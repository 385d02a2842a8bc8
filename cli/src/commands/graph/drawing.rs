//! Ways of holding as a picture: a tree of steps, as text of the program `dot`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use heap::Step;
use probe::{Error, ErrorKind, Issue, Result, ResultExt};

use super::held::Way;
use super::told::{objects, size};

/// Ways that are drawn, at most: more are no picture.
const MOST: usize = 50;

/// What kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Dot,
    Svg,
}

impl Kind {
    /// The kind that the name of a file says.
    pub(super) fn of(file: &Path) -> Result<Self> {
        match file.extension().and_then(|end| end.to_str()) {
            Some("dot" | "gv") => Ok(Self::Dot),
            Some("svg") => Ok(Self::Svg),
            _ => {
                let message = format!("cannot draw into {}", file.display());
                Err(Error::new(ErrorKind::InvalidInput, message)
                    .with_hint("the name of the file ends in .dot or .svg"))
            }
        }
    }

    /// Draws. Where the program is missing that draws svg, its text is written instead, which is
    /// returned to be said.
    pub(super) fn write(self, file: &Path, subject: &str, ways: &[Way]) -> Result<Option<Issue>> {
        let text = dot(subject, ways);
        let write = |file: &Path, bytes: &[u8]| {
            std::fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
        };
        let drawn = match self {
            Self::Dot => Some(text.clone().into_bytes()),
            Self::Svg => svg(&text)?,
        };
        if let Some(bytes) = drawn {
            return write(file, &bytes).map(|()| None);
        }
        let instead = file.with_extension("dot");
        write(&instead, text.as_bytes())?;
        Ok(Some(Issue::warning(format!(
            "the program `dot` of Graphviz, which draws svg, is not here: what it would draw is in \
             {}; `dot -Tsvg` draws it elsewhere",
            instead.display()
        ))))
    }
}

/// The picture; `None` where the program that draws it is missing.
fn svg(text: &str) -> Result<Option<Vec<u8>>> {
    let started = Command::new("dot")
        .arg("-Tsvg")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let hint = "name a file that ends in .dot";
    if matches!(&started, Err(error) if error.kind() == std::io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let mut child = started
        .with_context(|| "cannot start the program `dot`, which draws svg")
        .map_err(|e| e.with_hint(hint))?;
    // It reads all before it writes anything.
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes()).with_context(|| "the program `dot` does not read")?;
    }
    let output = child.wait_with_output().with_context(|| "the program `dot` failed")?;
    if output.status.success() {
        return Ok(Some(output.stdout));
    }
    Err(Error::new(ErrorKind::Other, format!("the program `dot` failed: {}", output.status))
        .with_hint(hint))
}

/// Ways that begin with the same steps begin in the same boxes.
fn dot(subject: &str, ways: &[Way]) -> String {
    let mut text = String::from("digraph holders {\n  rankdir=LR;\n  node [shape=box];\n");
    let mut known: BTreeMap<(usize, &Step), usize> = BTreeMap::new();
    let mut boxes = 0;
    let _ = writeln!(text, "  label={};", quoted(subject));
    for way in ways.iter().take(MOST) {
        let mut at = 0;
        for step in &way.path {
            let next = *known.entry((at, step)).or_insert_with(|| {
                boxes += 1;
                let name = format!("{} {}\n{}", step.kind, step.name, step.type_name);
                let _ = writeln!(text, "  n{boxes} [label={}];", quoted(name.trim()));
                if at != 0 {
                    let _ = writeln!(text, "  n{at} -> n{boxes};");
                }
                boxes
            });
            at = next;
        }
        boxes += 1;
        let freed = match (way.sum.retained, way.sum.held) {
            (Some(retained), _) => format!("{} would be freed", size(retained)),
            (None, held) => format!("at most {} would be freed", size(held.unwrap_or(0))),
        };
        let sum = format!("{}\n{freed}", objects(way.sum.objects));
        let sum = if at == 0 { format!("no root reaches\n{sum}") } else { sum };
        let _ = writeln!(text, "  n{boxes} [label={}, shape=ellipse];", quoted(&sum));
        if at != 0 {
            let _ = writeln!(text, "  n{at} -> n{boxes} [style=dashed];");
        }
    }
    text + "}\n"
}

/// A string of the language of `dot`: nothing in it is understood as an escape.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars().take(300) {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => quoted.push('\u{fffd}'),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::super::held::Sum;
    use super::*;

    #[test]
    fn ways_share_their_first_steps_and_names_stay_names() {
        let step = |name: &str| Step {
            kind: "module global".into(),
            name: name.into(),
            type_name: "builtins.dict".into(),
        };
        let sum = Sum { objects: 1, bytes: 8, held: Some(8), retained: None };
        let way = |path: Vec<Step>| Way { path, sum };
        let ways =
            [way(vec![step("a"), step("b\"];\\")]), way(vec![step("a"), step("c")]), way(vec![])];
        let text = dot("app.T", &ways);
        assert_eq!(text.matches("module global a").count(), 1, "{text}");
        assert_eq!(text.matches("shape=ellipse").count(), 3, "{text}");
        assert!(text.contains(r#"b\"];\\\nbuiltins.dict"];"#), "{text}");
        assert!(text.contains("no root reaches"), "{text}");
    }
}
