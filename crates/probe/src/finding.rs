//! What is concluded: the findings of the JSON report (`docs/report.md`).
//!
//! The fields and their units are a contract with other programs: fields may be added, never
//! renamed, removed or given another unit.

use serde::{Deserialize, Serialize};

/// What class of growth a finding speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// Reachable Python objects that keep increasing.
    PythonGrowth,
    /// Unreachable Python objects kept only by reference cycles.
    CyclicGarbage,
    /// Objects whose reference count exceeds every reference that exists.
    RefcountLeak,
    /// Native blocks that no pointer in the process leads to.
    NativeLeak,
    /// Native blocks that are still pointed to, and increase.
    NativeGrowth,
    /// Memory free inside an allocator and not given back.
    AllocatorHeld,
    /// Mappings, shared memory, tmpfs, file pages.
    MappingGrowth,
    /// Threads that never end.
    ThreadGrowth,
    /// Open files, sockets or other handles that only increase.
    HandleGrowth,
    /// A child process grows.
    ChildGrowth,
}

impl FindingKind {
    /// The name as it stands in the report.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PythonGrowth => "python-growth",
            Self::CyclicGarbage => "cyclic-garbage",
            Self::RefcountLeak => "refcount-leak",
            Self::NativeLeak => "native-leak",
            Self::NativeGrowth => "native-growth",
            Self::AllocatorHeld => "allocator-held",
            Self::MappingGrowth => "mapping-growth",
            Self::ThreadGrowth => "thread-growth",
            Self::HandleGrowth => "handle-growth",
            Self::ChildGrowth => "child-growth",
        }
    }
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// One explanation among others.
    Possible,
    /// The best explanation of what was measured.
    Likely,
    /// Nothing else explains what was measured.
    Proved,
}

/// How much grew over the run. `None` is "not known".
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Objects, or whatever the subject counts (mappings, threads, handles).
    pub objects: Option<f64>,
    /// Bytes.
    pub bytes: Option<f64>,
    /// Objects per second.
    #[serde(default)]
    pub objects_per_s: Option<f64>,
    /// Bytes per second.
    #[serde(default)]
    pub bytes_per_s: Option<f64>,
}

/// One of the ways a subject is held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Holder {
    /// From a root to the object.
    pub path: Vec<Step>,
    /// How many objects are held this way.
    pub objects: Option<f64>,
    /// How many bytes are held this way.
    pub bytes: Option<f64>,
}

/// A step of a holder's path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What kind of step: `module`, `attribute`, `key`, `index`, ...
    pub kind: String,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The type of what it leads to, if known.
    #[serde(rename = "type")]
    pub type_name: Option<String>,
}

impl Step {
    /// The step as it is appended to a path: `.name`, `[*]`.
    fn append_to(&self, path: &mut String) {
        match self.name.as_deref().filter(|name| !name.is_empty()) {
            None if path.is_empty() => path.push_str(&self.kind),
            None => {
                path.push_str(" > ");
                path.push_str(&self.kind);
            }
            Some(name) if path.is_empty() => {
                let is_code = matches!(&*self.kind, "module" | "module global" | "class attribute");
                // Names of roots that are one of a kind say it themselves.
                if !is_code && !name.starts_with(&self.kind) {
                    path.push_str(&self.kind);
                    path.push(' ');
                }
                path.push_str(name);
            }
            Some(name) => {
                if !name.starts_with('[') {
                    path.push('.');
                }
                path.push_str(name);
            }
        }
    }
}

/// A path of holders as one short text: `app.CACHE[*].rows (builtins.list)`. The type is that of
/// the last step.
#[must_use]
pub fn path_text(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        step.append_to(&mut text);
    }
    if let Some(type_name) = path.last().and_then(|step| step.type_name.as_deref()) {
        text.push_str(" (");
        text.push_str(type_name);
        text.push(')');
    }
    text
}

/// A conclusion: what grows, where, by how much, who holds it, how sure, and what to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable within the report.
    pub id: String,
    /// The class of growth.
    pub kind: FindingKind,
    /// What grows: a type, an allocation site, a mapping, an allocator.
    pub subject: String,
    /// Where it is made or held, if known.
    #[serde(rename = "where")]
    pub place: Option<String>,
    /// How much.
    pub growth: Growth,
    /// 0 to 1: the part of the growth that this finding explains.
    pub share: Option<f64>,
    /// The ways it is held, most first.
    pub holders: Vec<Holder>,
    /// How sure.
    pub certainty: Certainty,
    /// Sentences with figures.
    pub evidence: Vec<String>,
    /// What to do next, one or two sentences.
    pub advice: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(kind: &str, name: Option<&str>, type_name: Option<&str>) -> Step {
        Step { kind: kind.into(), name: name.map(Into::into), type_name: type_name.map(Into::into) }
    }

    #[test]
    fn paths_read_like_python() {
        let path = [
            step("module global", Some("app.CACHE"), Some("builtins.dict")),
            step("value", Some("[*]"), Some("app.Order")),
            step("attribute", Some("rows"), Some("builtins.list")),
        ];
        assert_eq!(path_text(&path), "app.CACHE[*].rows (builtins.list)");
        assert_eq!(path_text(&path[..1]), "app.CACHE (builtins.dict)");
        let frame = [step("frame local", Some("main.x"), None), step("item", Some("[*]"), None)];
        assert_eq!(path_text(&frame), "frame local main.x[*]");
        let odd = [step("stack", None, None), step("unknown word", Some(""), None)];
        assert_eq!(path_text(&odd), "stack > unknown word");
        let interned = [step("interned strings", Some("interned strings"), Some("builtins.dict"))];
        assert_eq!(path_text(&interned), "interned strings (builtins.dict)");
        assert_eq!(path_text(&[]), "");
    }
}
