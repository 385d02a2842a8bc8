//! What each block of `malloc` and of pymalloc is: a Python object, a buffer of one, native
//! memory that something leads to, or memory that nothing in the process points to.
//!
//! Reachability is that of leak checkers inside of a process: every word of registers, live
//! stacks, variables of libraries and other memory that is no heap may be a pointer, and so may
//! every word of a block that one leads to. Pointers into the middle of a block count, and so do
//! those one past its end and those with marks in their lowest or highest bits. Blocks that only
//! point to each other are not reachable.
//!
//! It costs two passes over memory, and some 8 bytes of this program for each block and one to four
//! for each pointer from or to a block that is no object.

mod aims;
mod bits;
mod contents;
mod edges;
mod given;
mod hits;
mod libraries;
mod mark;
mod owners;
mod pages;
mod places;
pub(crate) mod roots;
pub(crate) mod samples;
mod scan;
mod sum;
pub(crate) mod table;
mod units;
mod whole;
mod zones;

use std::collections::HashMap;

use glibc_heap::Native;
use probe::{FrozenThread, Issue, Result, Severity};
use target::images::Mapping;
use target::procfs::pagemap;

use crate::attach::Python;
use crate::census::names::Names;
use crate::heap::losses;
use crate::refs;
use crate::variables::Variables;
use crate::walk::{Collected, collect_placed};
use aims::Aims;
use libraries::Libraries;
use mark::{Marker, Marks};
use pages::Pages;
use places::{Heaps, Places};
use roots::{Root, RootKind};
use scan::{Pointers, Scan};
use sum::Summing;
use units::{Unit, Units};
use whole::Whole;

/// Stands for no library.
const NO_LIBRARY: u16 = u16::MAX;
/// Of blocks as large as this it is looked at what is resident, bytes.
const LARGE: u64 = 64 << 10;

/// Who gave a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Allocator {
    /// glibc.
    Malloc,
    /// The interpreter's allocator for up to 512 bytes.
    Pymalloc,
}

/// What a block is to the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// It is a Python object.
    Object,
    /// A Python object has its contents in it.
    Buffer,
    /// Native memory that something leads to.
    Reachable,
    /// Native memory that nothing leads to.
    Unreachable,
}

/// What a block seems to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Content {
    /// Nothing but zeros.
    Zero,
    /// Mostly printable text.
    Text,
    /// At least a quarter are pointers to other blocks.
    Pointers,
    /// It begins with the address of a table of functions, or of a function, of a library.
    Code,
    /// Numbers, or anything else.
    Other,
}

/// Blocks that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRow {
    /// Who gave them.
    pub allocator: Allocator,
    /// Usable bytes of each: exact up to 1032, else the next power of two.
    pub size_class: u64,
    /// What they are.
    pub state: State,
    /// Who holds them: a variable as `library:name`, or without names
    /// `library+0x10`, `object TYPE`, `stack`, `registers`,
    /// `anonymous memory`. Of unreachable ones the library that their words lead into.
    pub holder: Option<String>,
    /// How many.
    pub blocks: u64,
    /// Usable bytes.
    pub bytes: u64,
    /// Resident bytes: whole pages of blocks of 64 KiB and up that are no objects; all others
    /// count as `bytes` has them.
    pub resident: u64,
    /// What most of them seem to hold; of objects and buffers nothing is said.
    pub content: Option<Content>,
    /// Addresses of up to three of them: the first, and the last two.
    pub examples: Vec<u64>,
}

/// What memory without a file is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Blocks that are Python objects.
    Objects,
    /// Blocks in which Python objects have their contents.
    Buffers,
    /// Other blocks to which something leads.
    Reachable,
    /// Other blocks to which nothing leads.
    Unreachable,
    /// Free blocks in pools that have others in use.
    PymallocFree,
    /// Pools without a block in use.
    PymallocEmpty,
    /// Headers and ends of pools.
    PymallocLost,
    /// Free chunks of `malloc`.
    MallocFree,
    /// Headers of chunks, states of arenas, what makes no sense as chunks.
    MallocLost,
    /// Stacks of threads.
    Stacks,
    /// Variables and changed pages of programs, libraries and files.
    Data,
    /// Memory of no allocator that is known, to which something leads.
    Mapped,
    /// The same, and nothing leads to it.
    Unknown,
}

/// Resident bytes of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartRow {
    /// What it is.
    pub part: Part,
    /// The type, holder or library; empty where there is none.
    pub name: String,
    /// Blocks, pools, stacks or mappings.
    pub count: u64,
    /// Bytes.
    pub resident: u64,
}

/// Mappings of a file or of shared memory, and who points to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderRow {
    /// Path or label.
    pub name: String,
    /// As of blocks; empty: nothing.
    pub holder: String,
    /// How many.
    pub mappings: u64,
    /// Address space, bytes.
    pub size: u64,
}

/// All blocks in use.
#[derive(Clone, Debug, Default)]
pub struct Blocks {
    /// Most bytes first.
    pub rows: Vec<BlockRow>,
    /// All resident memory that is no file's, each byte once; empty where the system does not
    /// say what is resident.
    pub private: Vec<PartRow>,
    /// Mappings of files and of shared memory.
    pub holders: Vec<HolderRow>,
    /// Libraries that come neither with the interpreter nor with the system; without one, the
    /// interpreter's own modules and libraries of the system.
    pub suspects: Vec<String>,
    /// Words that lead to blocks.
    pub pointers: Pointed,
}

/// Words that lead to blocks, by where they point to: a block that only the unusual ones lead to
/// counts as reachable, so that what is unreachable has none of any kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pointed {
    /// To the first 64 bytes: headers of allocators and numbers of elements stand there.
    pub begin: u64,
    /// Further inside.
    pub inside: u64,
    /// To the byte behind the last.
    pub past: u64,
    /// With marks in the lowest three or highest 16 bits.
    pub marked: u64,
}

impl Pointed {
    fn add(&mut self, other: &Self) {
        self.begin += other.begin;
        self.inside += other.inside;
        self.past += other.past;
        self.marked += other.marked;
    }
}

impl Python {
    /// What each block in use is. `threads`: the threads of the process at the instant at which
    /// it stands still; without their registers all of their stacks counts as live.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](probe::ErrorKind::Unsupported) when no interpreter in the
    /// process is of a version and build whose objects can be recognised; those of reading
    /// memory.
    pub fn blocks(&self, threads: &[FrozenThread]) -> Result<(Blocks, Vec<Issue>)> {
        let ((rules, mut issues), memory) = (self.rules()?, self.memory());
        let mappings = memory.mappings()?;
        // Before anything is read: what was never written to looks resident from then on.
        let pages = self.pages(&mut issues).unwrap_or_default();
        let (spans, untouched) = self.memory_map(&mappings, &mut issues);
        let hurry = self.is_stopped();
        let (native, mut all) = given::read(memory, &mappings, || {
            collect_placed(memory, &spans, &untouched, rules, hurry)
        })?;
        issues.extend(remarks(native.as_ref(), threads).into_iter().chain(losses(&all.survey)));
        let native = native.unwrap_or_default();
        let heaps = Heaps::new(&native, &pages);
        all.placed.sort();
        let pools = all.placed.pools();
        let known = given::known(&native, &pools, rules.geometry.pool);
        let units = Units::new(given::blocks(&native, &all.placed), all.placed.objects());
        let front = all.placed.front();
        drop((native, std::mem::take(&mut all.placed)));
        let runtimes: Vec<&str> = self.runtimes().iter().map(|r| &*r.library).collect();
        let libraries = Libraries::new(&mappings, &runtimes);
        let kinds = owners::words(memory, &all.shapes, front);
        let data = refs::data::data(memory, &mappings);
        let roots = roots::roots(&data, &mappings, known, threads);
        let arenas = self.arenas(&all, &spans, rules)?;
        let taken = whole::allocated(&heaps, &pools, rules.geometry.pool, &arenas);
        let places = Places::new(memory, &mappings, &taken, &data, threads);
        let mut list = aims::of_files(&mappings, |at| libraries.of(at).is_some());
        list.extend(aims::resident(&places.rest, &pages));
        let aims = Aims::new(list);
        let pointers = Scan {
            memory,
            spans: &spans,
            untouched: &untouched,
            units: &units,
            libraries: &libraries,
            roots: &roots,
            aims: &aims,
            kinds: &kinds,
            hurry,
        }
        .run()?;
        let variables = Variables::new(memory, &mappings);
        let scanned = (&units, &pointers, &*roots, &libraries, &variables);
        let marks = self.marks(threads, &mappings, &all, scanned);
        let names = Names::new(rules, memory);
        let summing = Summing {
            units: &units,
            pointers: &pointers,
            marks: &marks,
            roots: &roots,
            data: &data,
            variables: &variables,
            libraries: &libraries,
            touched: &self.touched(&units),
            pages: &pages,
            hurry,
            type_name: &|shape| Some(names.of(all.shapes.get(shape as usize)?.address)),
        };
        let groups = summing.groups()?;
        let is_mapping =
            |root: u32| roots.get(root as usize).is_some_and(|root| root.kind == RootKind::Mapping);
        let ends = pointers.aimed.ends(&aims, is_mapping);
        let whole = Whole {
            pages: &pages,
            heaps: &heaps,
            places: &places,
            pools: &pools,
            arenas: &arenas,
            pymalloc: &all.survey.pymalloc,
            summing: &summing,
            groups: &groups,
            aims: &aims,
            ends: &ends,
        };
        let (private, holders, suspects) = (whole.rows(), whole.holders(), libraries.suspects());
        let (rows, pointers) = (summing.rows(&groups), pointers.pointed);
        Ok((Blocks { rows, private, holders, suspects, pointers }, issues))
    }
}

/// What marking looks at.
type Scanned<'a> = (&'a Units, &'a Pointers, &'a [Root], &'a Libraries, &'a Variables);

impl Python {
    /// Who holds each block.
    fn marks(
        &self,
        threads: &[FrozenThread],
        mappings: &[Mapping],
        all: &Collected,
        (units, pointers, roots, libraries, variables): Scanned<'_>,
    ) -> Marks {
        let runtimes: Vec<&str> = self.runtimes().iter().map(|r| &*r.library).collect();
        let own = refs::data::known(mappings, &runtimes);
        let is_own = |at: u64| own.iter().any(|range| range.contains(&at));
        let owners = owners::owners(self.memory(), &all.shapes, is_own);
        let words = threads.iter().flat_map(|thread| &thread.registers);
        let pointed = words.filter_map(|&word| units.native(units.pointed(word)?.number));
        let registers: Vec<u32> = pointed.collect();
        let extension = |root: &Root| {
            let library = libraries.of(root.range.start);
            library.is_some_and(|(number, _)| libraries.is_extension(number))
        };
        let marker = Marker {
            natives: units.natives(),
            pointers,
            owners: &owners,
            roots,
            is_extension: &extension,
            variable: &|at| variables.start(at),
        };
        marker.run(&registers)
    }

    /// Which pages are resident; `None` behind a core file, or where the system does not say.
    fn pages(&self, issues: &mut Vec<Issue>) -> Option<Pages> {
        let pages = Pages::read(self.process()?, issues);
        pages.map_err(|error| issues.push(error.to_issue(Severity::Warning))).ok()
    }
}

impl Python {
    /// Resident bytes of large blocks, where the system tells: a block may be filled bit by bit.
    fn touched(&self, units: &Units) -> HashMap<u32, u64> {
        let large: Vec<_> = units
            .large_ones()
            .filter(|unit| unit.bytes() >= LARGE && units.native(unit.number).is_some())
            .collect();
        let ranges: Vec<_> = large.iter().map(Unit::range).collect();
        let counts = self.process().map(|process| pagemap::resident(process, &ranges));
        let counts = counts.and_then(std::result::Result::ok).unwrap_or_default();
        large.iter().map(|unit| unit.number).zip(counts).collect()
    }
}

fn remarks(native: Option<&Native>, threads: &[FrozenThread]) -> Vec<Issue> {
    let mut issues = Vec::new();
    match native {
        Some(native) => issues.extend(native.issues.iter().cloned()),
        None => issues.push(Issue::warning(
            "no main arena of glibc's malloc was found: of native blocks only those of the \
             interpreter's allocator are told apart",
        )),
    }
    if threads.iter().all(|thread| thread.registers.is_empty()) {
        issues.push(Issue::info(
            "registers of threads are not known: what is left behind on their stacks counts as \
             pointers, so that a few blocks too many are reachable",
        ));
    }
    issues
}
