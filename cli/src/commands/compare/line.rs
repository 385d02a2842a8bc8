//! A command that was given as one argument.

use diagnose::comparison::Which;
use probe::{Error, ErrorKind, Result};

/// Words that mean something to a shell, and nothing here.
const OF_A_SHELL: [&str; 10] = ["|", "||", "&&", "&", ";", ">", ">>", "<", "2>", "2>&1"];

/// One of the two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::commands) struct Side {
    /// Which.
    pub(in crate::commands) which: Which,
    /// The words that are run.
    pub(in crate::commands) line: Vec<String>,
    /// Variables that are added to its environment.
    pub(in crate::commands) variables: Vec<(String, String)>,
    /// Whether its garbage collector is turned off as soon as it has one.
    pub(in crate::commands) collector_off: bool,
    /// As it was given.
    pub(in crate::commands) text: String,
}

impl Side {
    /// Splits a command into its words as a shell does; `shell`: a shell does it.
    ///
    /// # Errors
    /// When a quote is not closed, nothing is there, or only a shell could know what is meant.
    pub(in crate::commands) fn parse(which: Which, text: &str, shell: bool) -> Result<Self> {
        let line = if shell { for_a_shell(text) } else { words(text) };
        let line = line.map_err(|error| error.context(format!("command {}", which.name())))?;
        let text = text.to_owned();
        Ok(Self { which, line, variables: Vec::new(), collector_off: false, text })
    }

    /// A command that is in words already, with more variables in its environment.
    pub(in crate::commands) fn of(
        which: Which,
        line: &[String],
        variables: &[(String, String)],
    ) -> Self {
        let set = variables.iter().map(|(name, value)| format!("{name}={value}"));
        let set: Vec<String> = set.collect();
        let env = (!set.is_empty()).then(|| "env".to_owned());
        let text = joined(env.iter().chain(&set).chain(line).map(String::as_str));
        let (line, variables) = (line.to_vec(), variables.to_vec());
        Self { which, line, variables, collector_off: false, text }
    }

    /// The command as one argument for a shell.
    pub(in crate::commands) fn quoted(&self) -> String {
        quoted(&self.text)
    }
}

/// Words as a line for a shell; plain ones, `NAME=VALUE` among them, without quotes.
pub(in crate::commands) fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,+@%=".contains(c);
    let shown = |word: &str| match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => quoted(word),
    };
    words.map(shown).collect::<Vec<_>>().join(" ")
}

fn quoted(text: &str) -> String {
    // Only a NUL cannot be quoted, and no argument holds one.
    shlex::try_quote(text).map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned)
}

fn for_a_shell(text: &str) -> Result<Vec<String>> {
    if text.trim().is_empty() {
        return Err(empty());
    }
    Ok(["sh", "-c", text].map(str::to_owned).to_vec())
}

fn words(text: &str) -> Result<Vec<String>> {
    let words = shlex::split(text).ok_or_else(|| {
        wrong(text, "a quote is not closed, or a backslash stands at the end")
            .with_hint("quote the whole command once for your shell: memprobe compare 'A' 'B'")
    })?;
    let first = words.first().ok_or_else(empty)?;
    if let Some(word) = words.iter().find(|word| OF_A_SHELL.contains(&word.as_str())) {
        return Err(wrong(text, &format!("`{word}` is for a shell, and none is used"))
            .with_hint("--shell has a shell run both commands"));
    }
    let name = first.split('=').next().unwrap_or_default();
    if name.len() < first.len() && is_variable(name) {
        return Err(wrong(text, &format!("`{first}` is no program"))
            .with_hint(format!("set variables with `env {first} ...`, or use --shell")));
    }
    Ok(words)
}

fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn wrong(text: &str, why: &str) -> Error {
    Error::new(ErrorKind::InvalidInput, format!("`{text}` cannot be run: {why}"))
}

fn empty() -> Error {
    Error::new(ErrorKind::InvalidInput, "it is empty").with_hint(
        "give each command as one argument: memprobe compare 'python3 a.py' 'python3 b.py'",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Vec<String> {
        Side::parse(Which::A, text, false).unwrap().line
    }

    fn refused(text: &str) -> String {
        let error = Side::parse(Which::B, text, false).unwrap_err();
        format!("{error:#} {}", error.hint().unwrap_or_default())
    }

    #[test]
    fn words_are_split_as_by_a_shell() {
        assert_eq!(line("python3  -c 'import time'"), ["python3", "-c", "import time"]);
        assert_eq!(line(r#"env A="b c" x\ y"#), ["env", "A=b c", "x y"]);
        assert_eq!(line("/a=b/python3 x"), ["/a=b/python3", "x"]);
        assert_eq!(Side::parse(Which::A, "a | b", true).unwrap().line, ["sh", "-c", "a | b"]);
        let side = Side::parse(Which::A, "python3 -c 'x'", false).unwrap();
        assert_eq!(shlex::split(&side.quoted()).unwrap(), [side.text]);
    }

    #[test]
    fn what_only_a_shell_knows_is_refused() {
        for (text, why) in [
            ("", "command B: it is empty"),
            ("python3 -c 'x", "a quote is not closed"),
            ("a | b", "--shell"),
            ("a && b", "`&&` is for a shell"),
            ("X=1 python3", "env X=1"),
        ] {
            assert!(refused(text).contains(why), "{text}: {}", refused(text));
        }
        assert!(Side::parse(Which::A, " ", true).is_err());
    }
}
