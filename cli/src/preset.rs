//! Presets: which plugins are asked which questions how often. Data, not code.

use std::path::{Path, PathBuf};

use probe::{Error, ErrorKind, Level, Result, ResultExt};
use serde::Deserialize;

use crate::pace::Pace;
use crate::units;

/// The presets that come with the program.
pub const BUILT_IN: [(&str, &str); 3] = [
    ("high", include_str!("../../presets/high.toml")),
    ("medium", include_str!("../../presets/medium.toml")),
    ("low", include_str!("../../presets/low.toml")),
];

/// How deep presets may include each other.
const MAX_DEPTH: usize = 8;
/// A preset larger than this is none.
const MAX_BYTES: u64 = 1 << 20;

/// A preset with its includes resolved.
#[derive(Clone, Debug)]
pub struct Preset {
    /// At which level the report speaks.
    pub level: Level,
    /// One line.
    pub summary: String,
    /// Whom to ask.
    pub probes: Vec<ProbeEntry>,
}

/// A plugin and what to ask it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeEntry {
    /// Name of the plugin, or path of its file.
    pub plugin: String,
    /// What the plugin is opened with.
    #[serde(default = "empty_config")]
    pub config: serde_json::Value,
    /// The questions; none: all questions of the plugin, every 2 s.
    #[serde(default)]
    pub ask: Vec<Ask>,
}

/// Questions that are asked together.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "AskText")]
pub struct Ask {
    /// Names of the questions; none: all.
    pub questions: Vec<String>,
    /// How often.
    pub pace: Pace,
    /// Whether they are asked while a copy of the target stands too; plugins say so.
    pub beside_copy: bool,
}

/// The same as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AskText {
    #[serde(default)]
    questions: Vec<String>,
    every: Option<String>,
    rounds: Option<u32>,
}

impl TryFrom<AskText> for Ask {
    type Error = String;

    fn try_from(text: AskText) -> Result<Self, String> {
        let pace = match (text.every, text.rounds) {
            (Some(every), None) => Pace::Every(units::duration(&every)?),
            (None, Some(rounds)) if (2..=1000).contains(&rounds) => Pace::Rounds(rounds),
            (None, Some(rounds)) => {
                return Err(format!("`rounds = {rounds}`: it must be between 2 and 1000"));
            }
            _ => return Err("give either `every = \"5s\"` or `rounds = 3`".into()),
        };
        Ok(Self { questions: text.questions, pace, beside_copy: false })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    level: Level,
    summary: String,
    #[serde(default)]
    include: Vec<String>,
    #[serde(default)]
    probe: Vec<ProbeEntry>,
}

fn empty_config() -> serde_json::Value {
    serde_json::Value::Object(serde_json::Map::new())
}

impl ProbeEntry {
    /// A plugin that is asked everything it answers.
    #[must_use]
    pub fn all_of(plugin: &str) -> Self {
        Self { plugin: plugin.into(), config: empty_config(), ask: Vec::new() }
    }
}

/// Loads the built-in preset of a level.
///
/// # Errors
/// Never for an unchanged program: the tests load all of them.
pub fn of_level(level: Level) -> Result<Preset> {
    let text = built_in(level.name()).unwrap_or_default();
    resolve(text, Path::new(level.name()), 0)
}

/// Loads a preset by path (with a `/` or ending in `.toml`), from the configuration folder, or
/// a built-in one.
///
/// # Errors
/// When there is none, or it makes no sense: names the file, the line and what is wrong.
pub fn load(name: &str) -> Result<Preset> {
    let (text, origin) = source(name)?;
    resolve(&text, &origin, 0)
}

/// The text of a preset and where it is from; names are looked up as [`load`] does.
///
/// # Errors
/// When there is none.
pub fn source(name: &str) -> Result<(String, PathBuf)> {
    if name.contains('/') || name.ends_with(".toml") {
        let path = PathBuf::from(name);
        return Ok((read(&path)?, path));
    }
    if let Some(path) = config_dir().map(|d| d.join(format!("{name}.toml")))
        && path.exists()
    {
        return Ok((read(&path)?, path));
    }
    if let Some(text) = built_in(name) {
        return Ok((text.into(), PathBuf::from(name)));
    }
    let folder = config_dir().map_or_else(String::new, |d| format!(" or in {}", d.display()));
    Err(Error::new(
        ErrorKind::NotFound,
        format!("there is no preset `{name}` among the built-in ones{folder}"),
    )
    .with_hint("`memprobe presets` lists them; a file is named by its path"))
}

fn read(path: &Path) -> Result<String> {
    let what = || format!("cannot read the preset {}", path.display());
    let size = std::fs::metadata(path).with_context(what)?.len();
    if size > MAX_BYTES {
        return Err(Error::new(
            ErrorKind::InvalidData,
            format!("{} has {size} bytes: that is no preset", path.display()),
        ));
    }
    std::fs::read_to_string(path).with_context(what)
}

fn built_in(name: &str) -> Option<&'static str> {
    BUILT_IN.iter().find(|(n, _)| *n == name).map(|(_, text)| *text)
}

/// The folder of the user's own presets.
#[must_use]
pub fn config_dir() -> Option<PathBuf> {
    let base =
        std::env::var_os("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .filter(|p| p.is_absolute())
            .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")))?;
    Some(base.join("memprobe").join("presets"))
}

/// Names of the presets in the configuration folder.
#[must_use]
pub fn own() -> Vec<String> {
    let Some(entries) = config_dir().and_then(|d| std::fs::read_dir(d).ok()) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".toml")?.to_owned()))
        .collect();
    names.sort();
    names
}

/// Adds what a plugin is asked. One that is asked already is asked more, in one breath where the
/// pace is the same: what it has read for one question serves the others.
fn add(probes: &mut Vec<ProbeEntry>, entry: ProbeEntry) {
    let asked = |ask: &[Ask]| ask.iter().all(|a| !a.questions.is_empty()) && !ask.is_empty();
    let known = probes.iter_mut().find(|known| {
        let same = known.plugin == entry.plugin && known.config == entry.config;
        same && asked(&known.ask) && asked(&entry.ask)
    });
    let Some(known) = known else { return probes.push(entry) };
    for ask in entry.ask {
        match known.ask.iter_mut().find(|a| a.pace == ask.pace) {
            Some(together) => together.questions.extend(ask.questions),
            None => known.ask.push(ask),
        }
    }
}

fn resolve(text: &str, origin: &Path, depth: usize) -> Result<Preset> {
    let invalid = |message: String| {
        Error::new(ErrorKind::InvalidInput, message)
            .with_hint("`memprobe presets show high` prints one that works")
    };
    if depth > MAX_DEPTH {
        return Err(invalid(format!("{}: presets include each other", origin.display())));
    }
    let file: File = toml::from_str(text).map_err(|e| {
        let reason = e.to_string();
        invalid(format!("the preset {} makes no sense: {}", origin.display(), reason.trim_end()))
    })?;
    let mut probes = Vec::new();
    for name in &file.include {
        // A preset includes its neighbours first, then what anybody can name.
        let beside = origin.parent().map(|p| p.join(format!("{name}.toml")));
        let (text, from) = match beside.filter(|p| origin.extension().is_some() && p.exists()) {
            Some(path) => (read(&path)?, path),
            None => source(name)?,
        };
        let included = resolve(&text, &from, depth + 1)?;
        probes.extend(included.probes);
    }
    file.probe.into_iter().for_each(|entry| add(&mut probes, entry));
    if probes.is_empty() {
        return Err(invalid(format!("the preset {} names no probe", origin.display())));
    }
    Ok(Preset { level: file.level, summary: file.summary, probes })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The built-in presets load, and each level contains the one before.
    #[test]
    fn built_in_presets_load() {
        let names = |level| -> Vec<String> {
            of_level(level).unwrap().probes.into_iter().map(|p| p.plugin).collect()
        };
        assert_eq!(names(Level::High), ["process"]);
        assert_eq!(names(Level::Medium), ["process", "python"]);
        assert_eq!(names(Level::Low), ["process", "python", "alloc"]);
        for level in Level::ALL {
            assert_eq!(of_level(level).unwrap().level, level);
        }
    }

    /// What a preset asks beside those that it includes is asked with them.
    #[test]
    fn one_plugin_is_asked_in_one_breath() {
        let low = of_level(Level::Low).unwrap();
        let python = low.probes.iter().find(|p| p.plugin == "python").unwrap();
        let rounds: Vec<&Ask> =
            python.ask.iter().filter(|ask| matches!(ask.pace, Pace::Rounds(_))).collect();
        assert_eq!(rounds.len(), 1);
        for question in ["census", "holders", "blocks"] {
            assert!(rounds[0].questions.iter().any(|q| q == question), "{question}");
        }
    }

    /// A preset that makes no sense says where and why.
    #[test]
    fn nonsense_is_explained() {
        let dir = tempfile::tempdir().unwrap();
        let try_text = |text: &str| {
            let path = dir.path().join("mine.toml");
            std::fs::write(&path, text).unwrap();
            format!("{:#}", load(path.to_str().unwrap()).unwrap_err())
        };
        let head = "level = \"high\"\nsummary = \"x\"\n";
        assert!(try_text("level = \"deep\"").contains("unknown variant `deep`"));
        assert!(try_text(head).contains("names no probe"));
        assert!(try_text(&format!("{head}include = [\"mine\"]")).contains("include each other"));
        let misspelt = try_text(&format!("{head}[[probe]]\nplugin = \"p\"\nasks = []"));
        assert!(misspelt.contains("asks"), "{misspelt}");
        let nonsense =
            try_text(&format!("{head}[[probe]]\nplugin = \"p\"\nask = [{{ every = \"-1s\" }}]"));
        assert!(nonsense.contains("is no duration"), "{nonsense}");
        for pace in ["", "rounds = 1", "every = \"1s\", rounds = 3"] {
            let said = try_text(&format!("{head}[[probe]]\nplugin = \"p\"\nask = [{{ {pace} }}]"));
            assert!(said.contains("rounds = "), "{said}");
        }
        let absent = format!("{:?}", load("no-such-preset").unwrap_err());
        assert!(absent.contains("memprobe presets"), "{absent}");
    }
}
