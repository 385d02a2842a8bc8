//! Finds plugins: where is looked, in which order, and what was there.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use plugin::abi;
use probe::{Error, ErrorKind, Result};

use crate::folder::trusted;
use crate::plugin::Plugin;

/// Folders to look in, separated like those of `PATH`.
const ENV: &str = "MEMPROBE_PLUGIN_PATH";

/// Where is looked.
#[derive(Clone, Debug)]
pub struct SearchOptions {
    /// Folders that the user named; first of all. Relative ones count from the working
    /// directory, as only a user who names it may mean it.
    pub plugin_dirs: Vec<PathBuf>,
    /// Whether to look in the folders of `MEMPROBE_PLUGIN_PATH`.
    pub env: bool,
    /// Whether to look in the `lib/memprobe/plugins` of this installation, and beside the
    /// program.
    pub install: bool,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { plugin_dirs: Vec::new(), env: true, install: true }
    }
}

/// Looks for plugins in: the folders that the user named; those of `MEMPROBE_PLUGIN_PATH`; the
/// installation's `lib/memprobe/plugins`; the program's own folder; what is linked into the
/// program. Never in the working directory and never where everybody can write.
#[derive(Debug)]
pub struct Search {
    places: Vec<Place>,
    bundled: Vec<(&'static str, &'static abi::Plugin)>,
}

/// A folder of the search.
#[derive(Debug)]
pub(crate) struct Place {
    /// As it was named.
    pub(crate) folder: PathBuf,
    /// Why it is looked at.
    pub(crate) why: &'static str,
    /// Its real path, or why it is not looked at.
    pub(crate) real: Result<PathBuf>,
}

impl Search {
    /// A search in this order; nothing is loaded yet.
    #[must_use]
    pub fn new(options: SearchOptions) -> Self {
        let env = options.env.then(|| std::env::var_os(ENV)).flatten();
        let program = options.install.then(|| std::env::current_exe().ok()).flatten();
        Self { places: places(&options.plugin_dirs, env, program.as_deref()), bundled: Vec::new() }
    }

    /// Adds a plugin that is linked into this program, used where no file of its name is found.
    pub fn bundle(&mut self, name: &'static str, table: &'static abi::Plugin) {
        self.bundled.push((name, table));
    }

    /// The plugin of this name, or in the file of this path (with a `/`).
    ///
    /// The first file of that name counts: if it is broken, that is an error rather than a
    /// reason to take another one.
    ///
    /// # Errors
    /// What is wrong with the plugin, or [`ErrorKind::NotFound`]; with all that was looked at.
    pub fn find(&self, name_or_path: &str) -> Result<Plugin> {
        if name_or_path.contains(std::path::is_separator) {
            return load_path(Path::new(name_or_path));
        }
        if !is_name(name_or_path) {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                format!("`{}` is no name of a plugin", name_or_path.escape_debug()),
            )
            .with_hint("names have up to 64 lower-case letters, digits, `-` and `_`; a file is given as a path with a `/`"));
        }
        self.find_name(name_or_path)
    }

    fn find_name(&self, name: &str) -> Result<Plugin> {
        let mut trail = Trail::default();
        for place in &self.places {
            let file = place.folder.join(file_name(name));
            match place.candidate(name) {
                Ok(None) => trail.add(&file, place.why, "does not exist"),
                Err(error) => {
                    warn_if_open(&file, &error);
                    trail.add(&file, place.why, &format!("{error:#}"));
                }
                Ok(Some(real)) => {
                    return load_named(&real, name).map_err(|error| {
                        trail.add(&file, place.why, "refused, see above");
                        trail.explain(&error)
                    });
                }
            }
        }
        if let Some((_, table)) = self.bundled.iter().find(|(n, _)| *n == name) {
            return Plugin::bundled(name, table);
        }
        let error = Error::new(ErrorKind::NotFound, format!("there is no plugin `{name}`"))
            .with_hint(
                "`memprobe plugins` lists what there is; --plugin-dir names one more folder",
            );
        Err(trail.explain(&error))
    }

    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    pub(crate) fn bundled(&self) -> &[(&'static str, &'static abi::Plugin)] {
        &self.bundled
    }
}

impl Place {
    /// The real path of the file of this plugin, if there is one.
    ///
    /// # Errors
    /// Why the folder or the file is not trusted.
    fn candidate(&self, name: &str) -> Result<Option<PathBuf>> {
        let folder = match &self.real {
            Ok(folder) => folder,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(copy(e).context(format!("`{}`", self.folder.display()))),
        };
        let file = folder.join(file_name(name));
        match trusted(&file) {
            Ok(real) => Ok(Some(real)),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }
}

/// The folders in their order, each once.
fn places(dirs: &[PathBuf], env: Option<OsString>, program: Option<&Path>) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    let mut add = |folder: PathBuf, why, may_be_relative: bool| {
        let real = if folder.is_absolute() || may_be_relative {
            trusted(&folder)
        } else {
            Err(Error::new(ErrorKind::InvalidInput, "is a relative path, which is not followed")
                .with_hint("plugins are never loaded from the working directory unless --plugin-dir says so"))
        };
        let known = |p: &Place| matches!((&p.real, &real), (Ok(a), Ok(b)) if a == b);
        if !places.iter().any(known) {
            places.push(Place { folder, why, real });
        }
    };
    for dir in dirs {
        add(dir.clone(), "--plugin-dir", true);
    }
    for dir in env.iter().flat_map(std::env::split_paths) {
        add(dir, ENV, false);
    }
    // The real program: a link to it elsewhere does not move the installation.
    let program = program.and_then(|p| std::fs::canonicalize(p).ok());
    if let Some(own) = program.as_deref().and_then(Path::parent) {
        if let Some(root) = own.parent() {
            add(root.join("lib/memprobe/plugins"), "installation", false);
        }
        add(own.to_owned(), "beside the program", false);
    }
    places
}

/// What was looked at and why it was not it.
#[derive(Default)]
struct Trail(Vec<String>);

impl Trail {
    fn add(&mut self, file: &Path, why: &str, outcome: &str) {
        self.0.push(format!("{} ({why}): {outcome}", file.display()));
    }

    /// The error with the trail below its message.
    fn explain(&self, error: &Error) -> Error {
        let mut message = format!("{error:#}");
        if self.0.is_empty() {
            message.push_str("; no folder was looked at");
        } else {
            message.push_str("; looked at");
        }
        for line in &self.0 {
            // Writing to a string cannot fail.
            let _ = write!(message, "\n  {line}");
        }
        let explained = Error::new(error.kind(), message);
        match error.hint() {
            Some(hint) => explained.with_hint(hint.to_owned()),
            None => explained,
        }
    }
}

fn warn_if_open(file: &Path, error: &Error) {
    if error.kind() == ErrorKind::PermissionDenied {
        tracing::warn!("skipping plugin {}: {error:#}", file.display());
    }
}

/// An error that says the same.
pub(crate) fn copy(error: &Error) -> Error {
    let copy = Error::new(error.kind(), format!("{error:#}"));
    match error.hint() {
        Some(hint) => copy.with_hint(hint.to_owned()),
        None => copy,
    }
}

/// The plugin in a file that the user named.
pub(crate) fn load_path(path: &Path) -> Result<Plugin> {
    let blame = |e: Error| e.context(format!("plugin file `{}`", path.display()));
    let real = trusted(path).map_err(blame)?;
    Plugin::load(&real)
}

/// The plugin in a file that was found by its name, which has to be the plugin's own.
pub(crate) fn load_named(file: &Path, name: &str) -> Result<Plugin> {
    let plugin = Plugin::load(file)?;
    let own = &plugin.descriptor().name;
    if stem(own) != stem(name) {
        return Err(Error::new(
            ErrorKind::Incompatible,
            format!("plugin file `{}`: the plugin in it calls itself `{own}`", file.display()),
        )
        .with_hint(format!("rename the file to {}", file_name(own))));
    }
    Ok(plugin)
}

/// Whether a text can be the name of a plugin.
pub(crate) fn is_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    !text.is_empty() && text.len() <= 64 && text.bytes().all(fits)
}

/// The name as it stands in file names.
fn stem(name: &str) -> String {
    name.replace('-', "_")
}

/// The file of a plugin: `libmemprobe_NAME.so`, or what this platform calls libraries.
pub(crate) fn file_name(name: &str) -> String {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    format!("{DLL_PREFIX}memprobe_{}{DLL_SUFFIX}", stem(name))
}

/// The name in the file name of a plugin.
pub(crate) fn name_of(file: &str) -> Option<&str> {
    use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
    let name =
        file.strip_prefix(DLL_PREFIX)?.strip_prefix("memprobe_")?.strip_suffix(DLL_SUFFIX)?;
    is_name(name).then_some(name)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// An installation: `bin/memprobe` and `lib/memprobe/plugins`, and a link to the program.
    #[test]
    fn places_are_in_order_each_once_and_never_relative() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        let named = root.join("named");
        let listed = root.join("listed");
        let plugins = root.join("lib/memprobe/plugins");
        for folder in [&named, &listed, &plugins, &root.join("bin")] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let program = root.join("bin/memprobe");
        std::fs::write(&program, "").unwrap();
        let link = root.join("memprobe");
        std::os::unix::fs::symlink(&program, &link).unwrap();

        let env = format!("{}::relative:{}", listed.display(), named.display());
        let places = places(std::slice::from_ref(&named), Some(env.into()), Some(&link));
        let seen: Vec<_> = places
            .iter()
            .map(|p| (p.why, p.real.as_ref().ok().cloned(), p.folder.clone()))
            .collect();
        let good = |why, path: &Path| (why, Some(path.to_owned()), path.to_owned());
        let bad = |path: &str| (ENV, None, PathBuf::from(path));
        assert_eq!(
            seen,
            [
                good("--plugin-dir", &named),
                good(ENV, &listed),
                bad(""),
                bad("relative"),
                good("installation", &plugins),
                good("beside the program", &root.join("bin")),
            ]
        );
    }

    #[test]
    fn names_and_file_names() {
        assert!(is_name("process") && is_name("my-probe_2"));
        assert!(!is_name("") && !is_name("a/b") && !is_name(&"x".repeat(65)));
        let file = file_name("my-probe");
        assert_eq!(name_of(&file), Some("my_probe"));
        assert_eq!(name_of("libmemprobe_.so"), None);
        assert_eq!(name_of("libother_x.so"), None);
    }
}
