//! What a program is made of: its files, their functions, and where a thread stands in them.

use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, OnceLock, PoisonError};

use probe::Result;

use crate::elf::{Elf, Named};
use crate::images::{Image, Mapping, images, mappings};
use crate::procfs::{ProcessDir, system_call};

/// How far up the stack return addresses are looked for, bytes.
pub(super) const STACK: usize = 8 << 10;
/// Closer to its top than this a return address to where no lock is held may be a remainder.
const CLOSE: usize = 512;
/// The most files that are looked at.
const MOST_FILES: usize = 1024;
/// Functions that take locks of the C library, by any allocator's and any C library's name.
const LOCKING: [&str; 31] = [
    "malloc",
    "free",
    "calloc",
    "realloc",
    "reallocarray",
    "memalign",
    "aligned_alloc",
    "posix_memalign",
    "valloc",
    "pvalloc",
    "cfree",
    "malloc_trim",
    "malloc_info",
    "mallopt",
    "malloc_usable_size",
    "__libc_malloc",
    "__libc_free",
    "__libc_calloc",
    "__libc_realloc",
    "fork",
    "_Fork",
    "vfork",
    "posix_spawn",
    "system",
    "popen",
    "pthread_create",
    "exit",
    "dlopen",
    "dlclose",
    "dlsym",
    "dl_iterate_phdr",
];
/// How many of them, from the first on, may hold the locks of an allocator.
const ALLOCATING: usize = 21;
/// System calls in which threads wait and that no allocator makes, nor the handlers of signals that
/// an interpreter has, which may interrupt one.
const WAITING: [&str; 14] = [
    "poll",
    "select",
    "nanosleep",
    "accept",
    "recvfrom",
    "recvmsg",
    "wait4",
    "clock_nanosleep",
    "epoll_wait",
    "waitid",
    "pselect6",
    "ppoll",
    "epoll_pwait",
    "accept4",
];

/// A program or library of a process, with its functions.
pub struct Library {
    image: Image,
    elf: Mutex<Elf>,
    bias: u64,
    functions: OnceLock<Vec<Named>>,
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Library({} at {:#x})", self.image.path, self.bias)
    }
}

/// How a thread stands.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// Its instruction pointer.
    pub(super) at: u64,
    /// The system call it is in.
    pub(super) call: Option<u64>,
    /// The words at the top of its stack.
    pub(super) stack: Vec<u64>,
}

/// The files of a process, and the functions of them that matter to those who run something in it.
#[derive(Debug)]
pub struct Program {
    libraries: Vec<Library>,
    /// Functions that hold no lock.
    open: Vec<Range<u64>>,
    /// Functions that may.
    locking: Vec<Range<u64>>,
    /// All code that is neither of the C library nor of an allocator or loader.
    proper: Vec<Range<u64>>,
    /// Functions of allocators.
    allocating: Vec<Range<u64>>,
    /// Functions through which what was handed over comes to run.
    running: Vec<Range<u64>>,
}

/// Names of functions of an interpreter, for [`Program::read`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Names<'a> {
    /// What runs between instructions without a lock of any kind.
    pub open: &'a [&'a str],
    /// What works with what was handed over: it may hold a lock, and be about to run it.
    pub queue: &'a [&'a str],
    /// What else may hold a lock, beside allocators, loaders and the like.
    pub locking: &'a [&'a str],
    /// Through what else that which was handed over comes to run.
    pub running: &'a [&'a str],
}

impl Program {
    /// Looks at the files of a process. Those that cannot be read are left out.
    ///
    /// # Errors
    /// Those of reading the list of mappings.
    pub fn read(process: &ProcessDir, names: Names<'_>) -> Result<Self> {
        let all: Vec<Mapping> = mappings(process)?;
        let files = images(&all).into_iter().take(MOST_FILES);
        let libraries: Vec<Library> =
            files.filter_map(|image| Library::open(image, process)).collect();
        let (open, locking, allocating, proper, running) = Default::default();
        let mut program = Self { libraries, open, locking, allocating, proper, running };
        for library in &program.libraries {
            let is_interpreter = names.open.iter().any(|name| library.symbol(name).is_some());
            match library.kind(is_interpreter) {
                Kind::Locking => {
                    program.locking.extend(library.code());
                    program.allocating.extend(library.code());
                }
                Kind::Library => {
                    program.locking.extend(library.of(&LOCKING));
                    program.allocating.extend(library.of(&LOCKING[..ALLOCATING]));
                }
                Kind::Proper => program.proper.extend(library.code()),
            }
        }
        let lists = [names.open, names.queue, names.locking, names.running];
        let [open, queue, locking, running] = lists.map(|names| program.of_interpreter(names));
        program.open = open;
        program.locking.extend(queue.iter().cloned().chain(locking));
        program.running = queue;
        program.running.extend(running);
        Ok(program)
    }

    /// The files that define a function or variable.
    pub fn defining<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Library> {
        self.libraries.iter().filter(move |library| library.symbol(name).is_some())
    }

    /// Functions by their names in whole tables of symbols, of every file that exports one of them.
    fn of_interpreter(&self, names: &[&str]) -> Vec<Range<u64>> {
        let is_one = |library: &&Library| {
            names.iter().any(|name| library.symbol(name).is_some()) || library.is_closed()
        };
        self.libraries.iter().filter(is_one).flat_map(|library| library.of(names)).collect()
    }

    /// Whether a thread may call a function that takes locks: it is in a function that holds none,
    /// or waits in a system call, and no function that might hold one is on its way there.
    pub(super) fn is_fit(&self, at: &Standing) -> bool {
        if is_in(&self.open, at.at) {
            return at.call.is_none();
        }
        at.call.is_some() && self.came_by_none_of(&[&self.locking], at)
    }

    /// Whether a thread holds no lock of an allocator: it is fit for anything, or waits in a system
    /// call that no allocator makes, or in one from which nothing leads back to one.
    pub(super) fn is_outside_malloc(&self, at: &Standing) -> bool {
        match at.call.and_then(system_call) {
            Some(name) if WAITING.contains(&name) => true,
            Some("read" | "futex") => {
                self.came_by_none_of(&[&self.allocating], at) || self.is_fit(at)
            }
            _ => self.is_fit(at),
        }
    }

    /// Whether a thread is not about to run what was handed over: it is in none of the functions
    /// through which that happens, nor on its way back to one. One that waits in a system call is
    /// on no such way if it did not come there for memory: nothing else waits there.
    pub(super) fn is_away(&self, at: &Standing) -> bool {
        if at.call.is_some() {
            return self.came_by_none_of(&[&self.locking, &self.running], at);
        }
        if is_in(&self.running, at.at) || is_in(&self.open, at.at) {
            return false;
        }
        for (place, &word) in at.stack.iter().enumerate() {
            if is_in(&self.running, word) {
                return false;
            }
            if place * 8 > CLOSE && is_in(&self.open, word) {
                return true;
            }
        }
        true
    }

    /// Whether no return address near the top of the stack lies in one of these functions. It is
    /// looked at up to the first that lies in the program proper: what is above that of the C
    /// library's own functions are remainders of earlier calls, not this one.
    fn came_by_none_of(&self, functions: &[&[Range<u64>]], at: &Standing) -> bool {
        let is_one = |addr| functions.iter().any(|ranges| is_in(ranges, addr));
        if is_one(at.at) {
            return false;
        }
        for &word in &at.stack {
            if is_one(word) {
                return false;
            }
            if is_in(&self.proper, word) || is_in(&self.open, word) {
                return true;
            }
        }
        false
    }

    /// Where a thread stands, in words.
    pub(super) fn tell(&self, at: &Standing) -> String {
        let place = self.place(at.at);
        match at.call {
            Some(number) => {
                let name = system_call(number).map_or_else(|| format!("{number}"), str::to_owned);
                format!("the system call {name} ({place})")
            }
            None => place,
        }
    }

    /// The function at an address, and its file.
    fn place(&self, addr: u64) -> String {
        let holds = |library: &&Library| {
            library.image.mappings.iter().any(|m| (m.start..m.end).contains(&addr))
        };
        let Some(library) = self.libraries.iter().find(holds) else {
            return format!("code without a file at {addr:#x}");
        };
        let file = library.image.file_name();
        let at = addr.wrapping_sub(library.bias);
        let functions = library.functions();
        let after = functions.partition_point(|function| function.range.start <= at);
        let near = functions[..after].iter().rev().take(8);
        match near.into_iter().find(|function| function.range.contains(&at)) {
            Some(function) => format!("{} of {file}", function.name),
            None => file.to_owned(),
        }
    }
}

fn is_in(ranges: &[Range<u64>], addr: u64) -> bool {
    ranges.iter().any(|range| range.contains(&addr))
}

/// A library that is part of the C library.
fn is_c_library(name: &str) -> bool {
    ["libc.", "libc-", "libpthread", "libm.", "libm-", "librt"].iter().any(|n| name.starts_with(n))
}

/// A kind of file, by the locks that its functions may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// All of it: loaders and allocators.
    Locking,
    /// Functions of some names: the C library, and programs that it is linked into.
    Library,
    /// None that matters here.
    Proper,
}

impl Library {
    fn open(image: Image, process: &ProcessDir) -> Option<Self> {
        let elf = image.elf(process).ok()?;
        let bias = *image.load_biases(&elf).first()?;
        Some(Self { image, elf: Mutex::new(elf), bias, functions: OnceLock::new() })
    }

    fn with_elf<T>(&self, ask: impl FnOnce(&Elf) -> T) -> T {
        ask(&self.elf.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The path of the file as the process sees it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.image.path
    }

    /// The mappings of the file.
    #[must_use]
    pub fn mappings(&self) -> &[Mapping] {
        &self.image.mappings
    }

    /// The address of an exported function or variable; of a file that exports nothing, that of
    /// any function.
    #[must_use]
    pub fn symbol(&self, name: &str) -> Option<u64> {
        let [found] = self.with_elf(|elf| elf.symbols([name])).unwrap_or_default();
        let found = found.or_else(|| {
            let closed = self.is_closed().then(|| self.functions())?;
            closed.iter().find(|function| function.name == name).map(|f| f.range.start)
        });
        found.map(|value| self.bias.wrapping_add(value))
    }

    /// Whether it is linked statically and exports nothing.
    fn is_closed(&self) -> bool {
        matches!(self.with_elf(|elf| elf.section(".dynsym")), Ok(None))
    }

    /// The loader that is nothing but that: musl's is the C library too.
    fn is_loader(&self) -> bool {
        let name = self.image.file_name();
        name.starts_with("ld-") && !name.starts_with("ld-musl")
    }

    fn functions(&self) -> &[Named] {
        self.functions.get_or_init(|| self.with_elf(Elf::functions).unwrap_or_default())
    }

    /// What it is to who looks for locks.
    fn kind(&self, is_interpreter: bool) -> Kind {
        let has = |name| self.symbol(name).is_some();
        match () {
            () if self.is_loader() => Kind::Locking,
            () if self.is_closed() || has("pthread_create") => Kind::Library,
            () if is_c_library(self.image.file_name()) => Kind::Library,
            () if has("malloc") && !is_interpreter => Kind::Locking,
            () => Kind::Proper,
        }
    }

    fn code(&self) -> impl Iterator<Item = Range<u64>> {
        self.image.mappings.iter().filter(|m| m.perms.exec).map(|m| m.start..m.end)
    }

    fn of(&self, names: &[&str]) -> Vec<Range<u64>> {
        let is_one = |function: &&Named| {
            // Parts that the compiler split off are called `name.cold`, `name.part.0`.
            let name = function.name.split('.').next().unwrap_or_default();
            names.contains(&name)
        };
        let place = |range: &Range<u64>| {
            self.bias.wrapping_add(range.start)..self.bias.wrapping_add(range.end)
        };
        self.functions().iter().filter(is_one).map(|function| place(&function.range)).collect()
    }
}
