//! Who depends on whom, as `cargo metadata` tells it for this machine's platform and the default
//! features. Development dependencies are left out: tests may use what they like.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

/// The packages of the workspace and the dependencies of everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    pub(crate) members: Vec<Member>,
    /// By name; members without the prefix `memprobe-`.
    edges: BTreeMap<String, BTreeSet<String>>,
}

/// A package of the workspace.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Name without the prefix `memprobe-`.
    pub(crate) name: String,
    pub(crate) manifest: String,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) rust_version: Option<String>,
    /// What it depends on whatever the features; named as members are.
    pub(crate) required: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: String,
    description: Option<String>,
    license: Option<String>,
    rust_version: Option<String>,
    #[serde(default)]
    dependencies: Vec<Declared>,
}

#[derive(Deserialize)]
struct Declared {
    name: String,
    optional: bool,
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

impl Graph {
    /// Asks cargo, without the network if it can be.
    ///
    /// # Errors
    /// What cargo says.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let host = host()?;
        let answer = metadata(root, &host, true).or_else(|_| metadata(root, &host, false))?;
        let metadata: Metadata = serde_json::from_slice(&answer)
            .map_err(|e| format!("cannot understand the answer of `cargo metadata`: {e}"))?;
        Ok(Self::new(metadata, root))
    }

    fn new(metadata: Metadata, root: &Path) -> Self {
        let mut graph = Self::default();
        let mut names = HashMap::new();
        for package in metadata.packages {
            let is_member = metadata.workspace_members.contains(&package.id);
            let short = package.name.strip_prefix("memprobe-").filter(|_| is_member);
            let name = short.unwrap_or(&package.name).to_owned();
            names.insert(package.id, name.clone());
            if is_member {
                let manifest = Path::new(&package.manifest_path);
                let manifest = manifest.strip_prefix(root).unwrap_or(manifest);
                let required = package.dependencies.into_iter();
                let required = required
                    .filter(|d| !d.optional && d.kind.as_deref() != Some("dev"))
                    .map(|d| d.name.trim_start_matches("memprobe-").to_owned());
                graph.members.push(Member {
                    required: required.collect(),
                    name,
                    manifest: manifest.display().to_string(),
                    description: package.description,
                    license: package.license,
                    rust_version: package.rust_version,
                });
            }
        }
        for node in metadata.resolve.nodes {
            let Some(from) = names.get(&node.id) else { continue };
            let used = node.deps.iter().filter(|dependency| {
                dependency.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"))
            });
            let to = used.filter_map(|dependency| names.get(&dependency.pkg).cloned());
            graph.edges.entry(from.clone()).or_default().extend(to);
        }
        graph
    }

    /// For everything that `from` reaches: the shortest way there, both ends included.
    pub(crate) fn ways(&self, from: &str) -> BTreeMap<&str, Vec<&str>> {
        let mut ways: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let Some((start, _)) = self.edges.get_key_value(from) else { return ways };
        let mut queue = VecDeque::from([vec![start.as_str()]]);
        while let Some(way) = queue.pop_front() {
            let Some(&last) = way.last() else { continue };
            for next in self.edges.get(last).into_iter().flatten() {
                if next != from && !ways.contains_key(next.as_str()) {
                    let mut longer = way.clone();
                    longer.push(next);
                    ways.insert(next, longer.clone());
                    queue.push_back(longer);
                }
            }
        }
        ways
    }
}

/// The platform of this machine, as rustc names it.
fn host() -> Result<String, String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .map_err(|e| format!("cannot ask `rustc -vV` for this machine's platform: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(Into::into).ok_or_else(|| "`rustc -vV` names no host".into())
}

fn metadata(root: &Path, host: &str, offline: bool) -> Result<Vec<u8>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root)
        .args(["metadata", "--format-version=1", "--filter-platform", host])
        .args(offline.then_some("--offline"))
        .output()
        .map_err(|e| format!("cannot run `cargo metadata`: {e}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("`cargo metadata` failed: {why}"))
}
