//! An experiment on a process: what was done, what was measured, and what follows.

use diagnose::trial::{Added, Effect};
use probe::{Finding, Issue, Severity, Table};
use serde::Serialize;

use crate::clean::clean;
use crate::model::{NextStep, Tool};
use crate::render::Format;
use crate::table::{escape, table_markdown, table_text};
use crate::words;

/// An experiment, when it is over: the document `memprobe.try/1` of `docs/commands/try.md`.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// Always [`Trial::SCHEMA`].
    pub schema: &'static str,
    /// Who made it.
    pub tool: Tool,
    /// Which experiment: the name of the subcommand.
    pub experiment: &'static str,
    /// On what.
    pub target: Subject,
    /// RFC 3339.
    pub started_at: String,
    /// Seconds.
    pub duration_s: f64,
    /// What was to be done, said before it was done; one sentence each.
    pub plan: Vec<String>,
    /// What follows from it.
    pub result: Answer,
    /// What was measured.
    pub tables: Vec<Table>,
    /// What became of everything that was changed, one sentence each.
    pub restored: Vec<String>,
    /// What the experiment settles: findings as in a report.
    pub findings: Vec<Finding>,
    /// What to run next.
    pub next: Vec<NextStep>,
    /// What is missing or less exact.
    pub issues: Vec<Issue>,
}

/// The process of an experiment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Subject {
    /// PID.
    pub pid: u32,
    /// Command line.
    pub command: String,
    /// "3.11.7", if a probe has said so.
    pub python: Option<String>,
}

/// What follows.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Answer {
    /// Whether the change makes a difference; missing where nothing was compared.
    pub effect: Option<Effect>,
    /// One sentence.
    pub sentence: String,
    /// How much faster memory grew with the change, where that was measured.
    pub added: Option<Added>,
}

impl Trial {
    /// The name and version of the document.
    pub const SCHEMA: &'static str = "memprobe.try/1";

    /// The document in a form, with at most so many rows of each table; JSON has all.
    #[must_use]
    pub fn render(&self, format: Format, rows: usize) -> String {
        match format {
            // Every number that is not finite is missing in JSON.
            Format::Json => serde_json::to_string(self).unwrap_or_default() + "\n",
            Format::Text => self.text(rows),
            Format::Markdown => self.markdown(rows),
        }
    }

    /// The verdict and its sentence.
    fn headline(&self) -> (&'static str, &str) {
        (self.result.effect.map_or("", Effect::words), &self.result.sentence)
    }

    fn text(&self, rows: usize) -> String {
        let (effect, sentence) = self.headline();
        let mut text = match effect {
            "" => format!("{}\n\n", clean(sentence)),
            _ => format!("{}: {}\n\n", effect.to_uppercase(), clean(sentence)),
        };
        for table in self.tables.iter().filter(|table| table.rows() > 0) {
            text.push_str(&table_text(table, rows));
            text.push('\n');
        }
        for finding in &self.findings {
            text.push_str(&format!("{}\n", clean(&finding_line(finding))));
            for line in finding.evidence.iter().chain([&finding.advice]) {
                text.push_str(&format!("    {}\n", clean(line)));
            }
        }
        for line in &self.restored {
            text.push_str(&format!("{}\n", clean(line)));
        }
        for issue in &self.issues {
            text.push_str(&format!("{}: {}\n", mark(issue), clean(&issue.message)));
            if let Some(hint) = &issue.hint {
                text.push_str(&format!("    {}\n", clean(hint)));
            }
        }
        for step in &self.next {
            text.push_str(&format!("next: {}\n    {}\n", clean(&step.command), clean(&step.why)));
        }
        text
    }

    fn markdown(&self, rows: usize) -> String {
        let (effect, sentence) = self.headline();
        let mut text = format!("## `memprobe try {}`\n\n", self.experiment);
        text.push_str(&match effect {
            "" => format!("{}\n\n", escape(sentence)),
            _ => format!("**{effect}**: {}\n\n", escape(sentence)),
        });
        let mut list = |title: &str, lines: Vec<String>| {
            if !lines.is_empty() {
                text.push_str(&format!("{title}\n\n"));
                lines.iter().for_each(|line| text.push_str(&format!("- {}\n", escape(line))));
                text.push('\n');
            }
        };
        list("What was done:", self.plan.clone());
        list("What follows:", self.findings.iter().map(finding_line).collect());
        list("Afterwards:", self.restored.clone());
        let issue = |issue: &Issue| format!("{}: {}", mark(issue), issue.message);
        list("To be known:", self.issues.iter().map(issue).collect());
        let step = |step: &NextStep| format!("{}: {}", step.command, step.why);
        list("Next:", self.next.iter().map(step).collect());
        for table in self.tables.iter().filter(|table| table.rows() > 0) {
            text.push_str(&table_markdown(table, rows));
            text.push('\n');
        }
        text
    }
}

/// A finding in one line, with how sure it is.
fn finding_line(finding: &Finding) -> String {
    let certainty = words::certainty(finding.certainty);
    format!("{certainty}: {} ({})", finding.subject, finding.kind.name())
}

fn mark(issue: &Issue) -> &'static str {
    match issue.severity {
        Severity::Info => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::Column;

    fn trial() -> Trial {
        let added = Added {
            bytes_per_s: 1e6,
            low: 9e5,
            high: f64::NAN,
            tolerance: 8192.0,
            effect: Effect::Difference,
        };
        Trial {
            schema: Trial::SCHEMA,
            tool: Tool { name: "memprobe".into(), version: "1".into() },
            experiment: "gc-off",
            target: Subject { pid: 7, command: "python x.py".into(), python: None },
            started_at: "2026-01-01T00:00:00Z".into(),
            duration_s: 9.0,
            plan: vec!["sets a word".into()],
            result: Answer {
                effect: Some(Effect::Difference),
                sentence: "It grew\u{1b}[2J".into(),
                added: Some(added),
            },
            tables: vec![Table::new("phases", vec![Column::text_key("phase", ["before"])])],
            restored: vec!["the word is as before".into()],
            findings: vec![],
            next: vec![NextStep { command: "memprobe x".into(), why: "says | more".into() }],
            issues: vec![Issue::warning("too short").with_hint("longer")],
        }
    }

    /// All forms say the same, and nothing of a stranger's reaches a terminal.
    #[test]
    fn all_forms_say_it() {
        let text = trial().render(Format::Text, 5);
        assert!(text.starts_with("MAKES A DIFFERENCE: It grew"), "{text}");
        for part in ["phases", "the word is as before", "warning: too short", "next: memprobe x"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let markdown = trial().render(Format::Markdown, 5);
        assert!(markdown.contains("**makes a difference**"), "{markdown}");
        assert!(markdown.contains("says \\| more"), "{markdown}");
        assert!(!text.contains('\u{1b}') && !markdown.contains('\u{1b}'));
    }

    /// What is no number is missing in JSON.
    #[test]
    fn json_is_a_document() {
        let json = trial().render(Format::Json, 5);
        let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(value["schema"], "memprobe.try/1");
        assert_eq!(value["result"]["effect"], "difference");
        assert!(value["result"]["added"]["high"].is_null());
    }
}
