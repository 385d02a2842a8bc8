//! How answers are told: lines and tables for people, one document for programs.

use capture::folder::Manifest;
use diff::human;
use heap::{Graph, ObjectId};
use probe::{Column, Error, Issue, Result, Role, Severity, Step, Table, Unit, Values};
use serde_json::{Map, Value, json};

use crate::args::{Format, ToldArgs};
use crate::commands::answer::{in_form, remarks};
use crate::commands::capture::describe;
use crate::exit::{Exit, Failure};
use crate::output::{harmless, to_stdout};

/// Columns of a terminal.
const WIDTH: usize = 80;

/// An answer before it has a form.
pub(super) struct Answer<'a> {
    /// The command.
    pub(super) name: &'a str,
    /// Of what it is.
    pub(super) manifest: &'a Manifest,
    /// What is to be said besides.
    pub(super) issues: Vec<Issue>,
    /// Sentences, then tables, then sentences.
    pub(super) before: Vec<String>,
    pub(super) tables: Vec<Table>,
    pub(super) after: Vec<String>,
    /// The same for programs.
    pub(super) json: Value,
}

impl Answer<'_> {
    /// Prints it.
    pub(super) fn tell(self, args: &ToldArgs) -> Result<Exit, Failure> {
        let text = match args.format {
            Format::Json => self.document()?,
            Format::Text | Format::Markdown => self.text(args),
        };
        to_stdout(text.as_bytes())?;
        Ok(Exit::Fine)
    }

    fn all_issues(&self) -> Vec<Issue> {
        self.manifest.issues.iter().chain(&self.issues).cloned().collect()
    }

    fn document(self) -> Result<String> {
        let mut document = Map::new();
        document.insert("schema".into(), json!(format!("memprobe.{}/1", self.name)));
        document.insert("target".into(), json!(self.manifest.target));
        document.insert("taken".into(), json!(self.manifest.taken));
        document.insert("paused_ns".into(), json!(self.manifest.paused_ns));
        document.insert("issues".into(), json!(self.all_issues()));
        if let Value::Object(more) = self.json {
            document.extend(more);
        }
        serde_json::to_string(&document)
            .map(|text| text + "\n")
            .map_err(|e| Error::io(e.into(), "cannot render the answer"))
    }

    fn text(&self, args: &ToldArgs) -> String {
        let lines = |lines: &[String]| -> String {
            let line = |line: &String| match args.format {
                Format::Markdown => harmless(line) + "  \n",
                _ => wrapped(&harmless(line)) + "\n",
            };
            lines.iter().map(line).collect()
        };
        let tables: String = self.tables.iter().map(|table| fitted(table, args)).collect();
        let mut parts = vec![
            describe(self.manifest) + "\n",
            lines(&self.before),
            tables.trim_end().to_owned() + "\n",
            lines(&self.after),
            self.remarks(),
        ];
        parts.retain(|part| !part.trim().is_empty());
        parts.join("\n")
    }

    /// What makes the answer less exact. Notes of a capture are of other questions.
    fn remarks(&self) -> String {
        let mut issues = self.all_issues();
        issues.retain(|issue| issue.severity != Severity::Info);
        remarks(&issues).lines().map(|line| wrapped(line) + "\n").collect()
    }
}

/// A sentence in lines of a terminal. What begins with a blank stays as it is.
fn wrapped(line: &str) -> String {
    if line.starts_with(' ') {
        return line.to_owned();
    }
    let (mut text, mut width) = (String::new(), 0);
    for word in line.split(' ') {
        let more = word.chars().count();
        if width > 0 && width + 1 + more > WIDTH {
            text.push('\n');
            width = 0;
        } else if width > 0 {
            text.push(' ');
            width += 1;
        }
        text.push_str(word);
        width += more;
    }
    text
}

/// A table within the width of a terminal: the middles of long ways are left out.
fn fitted(table: &Table, args: &ToldArgs) -> String {
    let told = |table: &Table| in_form(table, args.format, args.rows);
    let mut text = told(table);
    let is_wide = |text: &str| text.lines().any(|line| line.chars().count() > WIDTH);
    for most in [48, 42, 36, 30, 24] {
        if args.format != Format::Text || !is_wide(&text) {
            break;
        }
        let mut narrow = table.clone();
        for column in &mut narrow.columns {
            if let Values::Text(cells) = &mut column.values {
                cells.iter_mut().flatten().for_each(|cell| *cell = without_middle(cell, most));
            }
        }
        text = told(&narrow);
    }
    text
}

/// The beginning and, twice as much, the end of a long text.
fn without_middle(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let start = most / 3;
    let first = text.chars().take(start);
    let last = text.chars().skip(count - (most - start - 1));
    first.chain(['…']).chain(last).collect()
}

/// Steps as the report has them: what `probe::path_text` makes short.
pub(super) fn steps(path: &[heap::Step]) -> Vec<Step> {
    let word = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    path.iter()
        .map(|step| Step {
            kind: step.kind.to_string(),
            name: word(&step.name),
            type_name: word(&step.type_name),
        })
        .collect()
}

/// A way as one short text: `app.CACHE[*].rows (builtins.list)`.
pub(super) fn short(path: &[heap::Step]) -> String {
    match probe::path_text(&steps(path)) {
        text if text.is_empty() => "nothing that is known: no root reaches it".into(),
        text => text,
    }
}

/// An object: address, type, and its own name if it has one.
pub(super) fn object(graph: &Graph, object: ObjectId) -> Value {
    json!({
        "address": format!("{:#x}", graph.objects().address[object.index()]),
        "type": graph.type_name(object).as_ref(),
        "name": graph.own_name(object).map(AsRef::<str>::as_ref),
    })
}

/// The same for people.
pub(super) fn object_text(graph: &Graph, object: ObjectId) -> String {
    let name = graph.own_name(object).map(|name| format!(" {name}")).unwrap_or_default();
    let address = graph.objects().address[object.index()];
    format!("{}{name} at {address:#x}", graph.type_name(object))
}

/// A column of bytes.
pub(super) fn bytes(name: &str, values: impl IntoIterator<Item = u64>) -> Column {
    Column::level(name, Unit::Bytes, values.into_iter().map(Some))
}

/// A column of parts of a whole.
pub(super) fn shares(name: &str, whole: u64, parts: impl IntoIterator<Item = u64>) -> Column {
    let share = |part: u64| Some(part as f64 / whole.max(1) as f64);
    let values = Values::F64(parts.into_iter().map(share).collect());
    Column::new(name, Unit::Ratio, Role::Attribute, values)
}

/// A column of numbers.
pub(super) fn counts(name: &str, values: impl IntoIterator<Item = u64>) -> Column {
    Column::level(name, Unit::Count, values.into_iter().map(Some))
}

/// Bytes for a sentence.
pub(super) fn size(bytes: u64) -> String {
    human::bytes(bytes as f64)
}

/// `1 object`, `2 objects`.
pub(super) fn objects(count: u64) -> String {
    let noun = if count == 1 { "object" } else { "objects" };
    format!("{} {noun}", human::count(count as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_ways_fit_a_terminal() {
        let line = "word ".repeat(40);
        let text = wrapped(line.trim());
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert_eq!(text.replace('\n', " "), line.trim());
        assert_eq!(wrapped("  indented"), "  indented");
        assert_eq!(wrapped(&"x".repeat(100)).lines().count(), 1);
        let way = format!("app.{} (builtins.dict)", "ä".repeat(100));
        let cut = without_middle(&way, 36);
        assert_eq!(cut.chars().count(), 36);
        assert!(cut.starts_with("app.") && cut.ends_with("ä (builtins.dict)"), "{cut}");
        assert_eq!(without_middle("short", 36), "short");
    }
}
