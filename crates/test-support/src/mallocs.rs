//! C libraries and allocators that `fetch-mallocs` of this crate unpacked.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A C library or an allocator in a folder of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malloc {
    /// `glibc`, `musl`, `jemalloc`, `mimalloc`, `tcmalloc`.
    pub name: String,
    /// As its makers count: `2.31`.
    pub version: String,
    /// Where its libraries are.
    pub folder: PathBuf,
}

/// Those of a name, oldest first. Prints which ones, or that there are none.
#[must_use]
pub fn mallocs(name: &str) -> Vec<Malloc> {
    let entries = std::fs::read_dir(fetched()).into_iter().flatten().flatten();
    let mut found: Vec<Malloc> = entries
        .filter_map(|entry| {
            let file = entry.file_name().into_string().ok()?;
            let version = file.strip_prefix(name)?.strip_prefix('-')?;
            let (name, version) = (name.to_owned(), version.to_owned());
            Some(Malloc { name, version, folder: entry.path() })
        })
        .collect();
    found.sort_by_key(|malloc| numbers(&malloc.version));
    let versions: Vec<&str> = found.iter().map(|malloc| &*malloc.version).collect();
    if versions.is_empty() {
        eprintln!("MISSED: {name} (crates/test-support/fetch-mallocs unpacks some versions)");
    } else {
        eprintln!("{name}: {}", versions.join(", "));
    }
    found
}

fn fetched() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    target.unwrap_or_else(|| workspace.join("target")).join("mallocs")
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

impl Malloc {
    /// Its library whose name begins so, with the longest name: of links and files of one library
    /// the one with its version.
    #[must_use]
    pub fn library(&self, start: &str) -> Option<PathBuf> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter(|e| e.file_name().to_string_lossy().starts_with(start));
        names.map(|entry| entry.path()).max_by_key(|path| (path.as_os_str().len(), path.clone()))
    }
}

/// The compiler: `$CC`, or `cc`.
fn compiler() -> Command {
    Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()))
}

/// Compiles a C program against a glibc that was unpacked, or the machine's, and says how to start
/// it with that.
///
/// # Panics
/// When it cannot be compiled.
#[must_use]
pub fn c_program(source: &Path, into: &Path, libc: Option<&Malloc>) -> Command {
    let mut compile = compiler();
    compile.args(["-O1", "-pthread", "-Wno-deprecated-declarations", "-o"]).args([into, source]);
    let mut command = Command::new(into);
    if let Some(libc) = libc {
        // Symbols get the versions of the library that they are linked to.
        const PARTS: [&str; 4] =
            ["libc.so.6", "ld-linux-x86-64.so.2", "libpthread.so.0", "libdl.so.2"];
        let parts = PARTS.map(|part| libc.folder.join(part));
        compile.arg("-nodefaultlibs").args(parts.iter().filter(|part| part.exists()));
        compile.arg("-lgcc");
        command = Command::new(&parts[1]);
        command.arg("--library-path").args([&libc.folder, into]);
    } else {
        compile.arg("-ldl");
    }
    assert!(compile.status().unwrap().success(), "cannot compile {}", source.display());
    command
}
