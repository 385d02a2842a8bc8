//! How answers are told: lines and tables for people, one document for programs.

use capture::folder::Manifest;
use diff::human;
use heap::{Graph, ObjectId};
use probe::{Column, Error, Issue, Result, Step, Table, Unit};
use serde_json::{Map, Value, json};

use crate::args::{Format, ToldArgs};
use crate::commands::answer::{in_form, remarks};
use crate::commands::capture::describe;
use crate::exit::{Exit, Failure};
use crate::output::{harmless, to_stdout};

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
            let gap = if args.format == Format::Markdown { "  \n" } else { "\n" };
            lines.iter().map(|line| harmless(line) + gap).collect()
        };
        let tables: String =
            self.tables.iter().map(|table| in_form(table, args.format, args.rows)).collect();
        let mut parts = vec![
            describe(self.manifest) + "\n",
            lines(&self.before),
            tables.trim_end().to_owned() + "\n",
            lines(&self.after),
            remarks(&self.all_issues()),
        ];
        parts.retain(|part| !part.trim().is_empty());
        parts.join("\n")
    }
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
