//! Files in shared memory: whose they are, and whose they are not.
#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot set itself up should stop; one that skips says so"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use probe_process::{SharedMemory, SharedWatch, Tree};
use test_support::{Python, Running, python, pythons};

const DRIVER: &str = "import ctypes, mmap, os, sys, time\nprint('ready')\n\
                      while True: exec(input(), globals())";
const KIB: u64 = 1 << 10;

/// Files made by a test, unlinked at its end.
struct Shm(Vec<String>);

impl Shm {
    fn name(&mut self, label: &str) -> String {
        let name = format!("/dev/shm/memprobe-test-{}-{label}", std::process::id());
        let _ = std::fs::remove_file(&name);
        self.0.push(name.clone());
        name
    }
}

impl Drop for Shm {
    fn drop(&mut self) {
        for name in &self.0 {
            let _ = std::fs::remove_file(name);
        }
    }
}

/// A copy of an interpreter that nobody else runs: other tests of this machine are no rivals.
struct Own {
    folder: PathBuf,
    home: String,
}

impl Own {
    fn new(python: &Python, label: &str) -> Self {
        let ask = "import sys; print(sys.prefix)";
        let output = Command::new(&python.exe).args(["-c", ask]).output().unwrap();
        let home = String::from_utf8(output.stdout).unwrap().trim().to_owned();
        let folder = format!("memprobe-own-{}-{label}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(&python.exe, folder.join("python")).unwrap();
        Self { folder, home }
    }

    fn run(&self, code: &str) -> Running {
        let mut command = Command::new(self.folder.join("python"));
        Running::start(command.env("PYTHONHOME", &self.home).args(["-u", "-c", code]))
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

struct Watched {
    tree: Tree,
    watch: SharedWatch,
}

impl Watched {
    fn new(process: &Running) -> Self {
        let target = target::procfs::identify(process.pid()).unwrap();
        Self { tree: Tree::attach(&target, true).unwrap(), watch: SharedWatch::default() }
    }

    fn look(&mut self) -> SharedMemory {
        self.tree.refresh(std::time::Duration::ZERO);
        self.watch.look(self.tree.processes()).unwrap()
    }
}

/// Path -> state, bytes, unmapped bytes; of the files of a test.
fn files(seen: &SharedMemory, of: &Shm) -> BTreeMap<String, (&'static str, u64, u64)> {
    let mine = seen.files.iter().filter(|f| of.0.contains(&f.path) || f.path.contains("memfd"));
    mine.map(|f| (f.path.clone(), (f.state.name(), f.bytes.unwrap(), f.unmapped.unwrap())))
        .collect()
}

/// Writes a file by mapping it, as `multiprocessing.shared_memory` does: made, filled, closed.
fn make_and_close(name: &str) -> String {
    format!(
        "f = os.open({name:?}, os.O_CREAT | os.O_RDWR, 0o600); os.truncate({name:?}, 256 << 10); \
         m = mmap.mmap(f, 256 << 10); m[:] = b'x' * (256 << 10); m.close(); os.close(f); print(1)"
    )
}

/// A file goes from mapped to open to left, and is counted all the way.
#[test]
fn a_file_is_followed_until_it_is_left() {
    let mut shm = Shm(Vec::new());
    let name = shm.name("held");
    let own = Own::new(&python(), "held");
    let mut process = own.run(DRIVER);
    let mut watched = Watched::new(&process);
    assert_eq!(files(&watched.look(), &shm), BTreeMap::new());
    process.ask(&format!(
        "f = os.open({name:?}, os.O_CREAT | os.O_RDWR, 0o600); os.truncate({name:?}, 1 << 20); \
         m = mmap.mmap(f, 256 << 10); m[:] = b'x' * (256 << 10); os.pwrite(f, b'x' * (512 << 10), \
         256 << 10); print(1)"
    ));
    let mut state = || files(&watched.look(), &shm).remove(&name).unwrap();
    assert_eq!(state(), ("mapped", 768 * KIB, 512 * KIB));
    process.ask("m.close(); print(1)");
    assert_eq!(state(), ("open", 768 * KIB, 768 * KIB));
    process.ask("os.close(f); print(1)");
    assert_eq!(state(), ("left", 768 * KIB, 768 * KIB));
    process.ask(&format!("os.unlink({name:?}); print(1)"));
    assert_eq!(files(&watched.look(), &shm), BTreeMap::new(), "unlinked, it takes no memory");
}

/// Made, closed and never unlinked between two looks: the target's by elimination; what others
/// hold, what was there before, and what another user owns are not.
#[test]
fn what_nobody_holds_is_attributed_by_elimination() {
    let mut shm = Shm(Vec::new());
    let (left, before) = (shm.name("left"), shm.name("before"));
    let (held, strange) = (shm.name("held-outside"), shm.name("other-user"));
    std::fs::write(&before, vec![1; 64 << 10]).unwrap();
    let own = Own::new(&python(), "elimination");
    let mut process = own.run(DRIVER);
    let mut watched = Watched::new(&process);
    watched.look();
    let outside = std::fs::File::create(&held).unwrap();
    outside.set_len(64 << 10).unwrap();
    std::fs::write(&strange, vec![1; 64 << 10]).unwrap();
    let is_root = std::os::unix::fs::chown(&strange, Some(65534), None).is_ok();
    if !is_root {
        println!("skipped: a file of another user needs root");
        std::fs::remove_file(&strange).unwrap();
    }
    process.ask(&make_and_close(&left));
    let seen = watched.look();
    assert_eq!(seen.lacks, []);
    let expected = BTreeMap::from([(left.clone(), ("left", 256 * KIB, 256 * KIB))]);
    assert_eq!(files(&seen, &shm), expected);
    assert_eq!(seen.notes[0].0, "shm-elimination");
    // It stays so, and is said once.
    drop(outside);
    assert_eq!(files(&watched.look(), &shm), expected);
    // A file that is written and not mapped is found as well; what the idle target cannot have
    // made is not its.
    let (written, idle) = (shm.name("written"), shm.name("while-idle"));
    process
        .ask(&format!("f = open({written:?}, 'wb'); f.write(b'x' * 99999); f.close(); print(1)"));
    let seen = files(&watched.look(), &shm);
    assert_eq!(seen.get(&written).map(|file| file.0), Some("left"));
    std::fs::write(&idle, vec![1; 1 << 20]).unwrap();
    assert_eq!(files(&watched.look(), &shm), seen);
}

/// Two services of one user that run the same program: what either may have made is not counted
/// as the growth of one.
#[test]
fn a_rival_is_not_mixed_up_with_the_target() {
    let mut shm = Shm(Vec::new());
    let name = shm.name("of-a-rival");
    let own = Own::new(&python(), "rival");
    let mut process = own.run(DRIVER);
    let mut rival = own.run(DRIVER);
    let mut watched = Watched::new(&process);
    watched.look();
    process.ask("a = bytearray(b'x') * (8 << 20); print(1)");
    rival.ask(&make_and_close(&name));
    let seen = watched.look();
    assert_eq!(files(&seen, &shm), BTreeMap::new());
    let (kind, issue) = &seen.lacks[0];
    assert_eq!(*kind, "shm-rival");
    assert!(issue.message.contains("could have made them"), "{}", issue.message);
    assert_eq!(watched.look().lacks, [], "decided once");
}

/// Memory behind a file descriptor that is neither mapped nor in any folder.
#[test]
fn a_memfd_is_seen() {
    let shm = Shm(Vec::new());
    let own = Own::new(&python(), "memfd");
    let mut process = own.run(DRIVER);
    let mut watched = Watched::new(&process);
    let made = process.ask(
        "exec(\"try: f = os.memfd_create('cache')\\nexcept AttributeError: f = None\"); \
         f and os.write(f, b'x' * (256 << 10)); print(f)",
    );
    if made == "None" {
        println!("skipped: this Python has no memfd_create");
        return;
    }
    let expected =
        BTreeMap::from([("/memfd:cache (deleted)".to_owned(), ("open", 256 * KIB, 256 * KIB))]);
    assert_eq!(files(&watched.look(), &shm), expected);
}

/// What leaks in practice: `multiprocessing.shared_memory`, closed and never unlinked.
#[test]
fn python_blocks_without_unlink_are_left() {
    let code = "from multiprocessing import shared_memory\nprint('ready')\nnames = []\n\
                while input() == 'more':\n    for _ in range(10):\n        \
                block = shared_memory.SharedMemory(create=True, size=65536)\n        \
                block.buf[:] = b'x' * 65536\n        block.close()\n        \
                names.append(block)\n    print(len(names))\n\
                for block in names: block.unlink()\nprint('clean')";
    for python in pythons().iter().filter(|python| python.version >= (3, 8, 0)) {
        let own = Own::new(python, "blocks");
        let mut process = own.run(code);
        let mut watched = Watched::new(&process);
        let left = |seen: &SharedMemory| {
            let blocks = seen.files.iter().filter(|file| file.path.starts_with("/dev/shm/psm_"));
            (blocks.clone().count(), blocks.filter_map(|file| file.unmapped).sum::<u64>())
        };
        assert_eq!(left(&watched.look()).0, 0);
        for (round, expected) in [(1, 10), (2, 20)] {
            assert_eq!(process.ask("more"), expected.to_string());
            let seen = watched.look();
            assert_eq!(left(&seen), (expected, expected as u64 * 64 * KIB), "{python} {round}");
            assert_eq!(seen.lacks, [], "{python}");
        }
        assert_eq!(process.ask("enough"), "clean");
        assert_eq!(left(&watched.look()).0, 0, "{python}");
    }
}
