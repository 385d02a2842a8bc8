//! What is needed of an ELF file: segments, a section's place, exported symbols.
//!
//! Only headers and the few sections asked for are read. The file is hostile: sizes are capped,
//! and nothing in it is trusted to be consistent.

use std::fs::File;
use std::ops::Range;

use object::Endianness;
use object::elf::{
    FileHeader64, GnuHashHeader, PF_W, PF_X, PT_LOAD, SHN_UNDEF, SHT_DYNSYM, SHT_GNU_HASH,
    SHT_SYMTAB, STT_FUNC, STT_GNU_IFUNC, STT_OBJECT, Sym64, SymbolType, gnu_hash,
};
use object::read::elf::{
    FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym, SymbolTable, VersionTable,
};
use object::read::{ReadCache, ReadRef};
use probe::{Error, ErrorKind, Result};

/// The largest file that is looked at: PyTorch's largest library has 1.5 GB.
const MAX_FILE: u64 = 8 << 30;
/// The largest piece that is read at once: a symbol table of 2.7 M symbols.
const MAX_PIECE: u64 = 64 << 20;
/// The most segments that are kept.
const MAX_SEGMENTS: usize = 256;
/// The most symbols that are looked through where a file has no GNU hash table.
const MAX_LINEAR: usize = 1 << 16;
/// The most symbols of which those of variables or functions are kept.
const MAX_NAMED: usize = 1 << 19;
/// The most bytes of a name.
const MAX_NAME: usize = 128;

/// A part of the file that is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Where it begins in the file.
    pub offset: u64,
    /// Bytes in the file.
    pub file_size: u64,
    /// Address before the load bias is added.
    pub vaddr: u64,
    /// Bytes in memory; what is over the file's bytes is zero at first (`.bss`).
    pub mem_size: u64,
    /// Whether it can be written.
    pub write: bool,
    /// Whether it can be executed.
    pub exec: bool,
}

/// A variable or function with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Where it is before the load bias is added.
    pub range: Range<u64>,
    /// As the file has it: of C++ the mangled name.
    pub name: String,
}

/// An ELF file of 64 bits.
#[derive(Debug)]
pub struct Elf {
    /// The loaded parts, as they stand in the file.
    pub segments: Vec<Segment>,
    cache: ReadCache<File>,
    len: u64,
}

impl Elf {
    /// Reads the headers.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] when it is no ELF file of 64 bits or is over a limit.
    pub fn parse(file: File) -> Result<Self> {
        let len =
            file.metadata().map_err(|e| Error::io(e, "cannot read the size of the file"))?.len();
        if len > MAX_FILE {
            return Err(invalid(format!("the file has {len} bytes, over the limit of {MAX_FILE}")));
        }
        let mut elf = Self { segments: Vec::new(), cache: ReadCache::new(file), len };
        elf.segments =
            elf.read_segments().map_err(|e| invalid("not an ELF file").with_source(e))?;
        Ok(elf)
    }

    fn data(&self) -> Bounded<'_> {
        Bounded { cache: &self.cache, len: self.len }
    }

    fn header(&self) -> object::read::Result<(&FileHeader64<Endianness>, Endianness)> {
        let header = FileHeader64::<Endianness>::parse(self.data())?;
        Ok((header, header.endian()?))
    }

    fn read_segments(&self) -> object::read::Result<Vec<Segment>> {
        let (header, endian) = self.header()?;
        let headers = header.program_headers(endian, self.data())?;
        let loads = headers.iter().filter(|h| h.p_type(endian) == PT_LOAD).take(MAX_SEGMENTS);
        Ok(loads
            .map(|h| Segment {
                offset: h.p_offset(endian),
                file_size: h.p_filesz(endian),
                vaddr: h.p_vaddr(endian),
                mem_size: h.p_memsz(endian),
                write: h.p_flags(endian).contains(PF_W),
                exec: h.p_flags(endian).contains(PF_X),
            })
            .collect())
    }

    fn sections(
        &self,
    ) -> object::read::Result<(SectionTable<'_, FileHeader64<Endianness>, Bounded<'_>>, Endianness)>
    {
        let (header, endian) = self.header()?;
        Ok((header.sections(endian, self.data())?, endian))
    }

    /// The addresses of a section before the load bias is added, if there is one of this name.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] when the section headers make no sense.
    pub fn section(&self, name: &str) -> Result<Option<Range<u64>>> {
        let (sections, endian) = self.sections().map_err(bad_sections)?;
        let section = sections.section_by_name(endian, name.as_bytes()).map(|(_, section)| section);
        Ok(section.map(|s| {
            let start = s.sh_addr(endian);
            start..start.saturating_add(s.sh_size(endian))
        }))
    }

    /// The addresses of exported symbols before the load bias is added, in the order of `names`;
    /// `None` for what the file does not define.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] when the tables make no sense.
    pub fn symbols<const N: usize>(&self, names: [&str; N]) -> Result<[Option<u64>; N]> {
        self.find_symbols(names).map_err(bad_sections)
    }

    fn find_symbols<const N: usize>(
        &self,
        names: [&str; N],
    ) -> object::read::Result<[Option<u64>; N]> {
        let (sections, endian) = self.sections()?;
        let symbols = sections.symbols(endian, self.data(), SHT_DYNSYM)?;
        if symbols.is_empty() {
            return Ok([None; N]);
        }
        let value = |symbol: &Sym64<Endianness>| {
            (symbol.st_shndx(endian) != SHN_UNDEF).then(|| symbol.st_value(endian))
        };
        if sound_hash(&sections, endian, self.data())
            && let Some((hash, _)) = sections.gnu_hash(endian, self.data())?
        {
            let any = VersionTable::default();
            return Ok(names.map(|name| {
                let name = name.as_bytes();
                let found = hash.find(endian, name, gnu_hash(name), None, &symbols, &any);
                value(found?.1)
            }));
        }
        Ok(find_in_order(&symbols, endian, names, value))
    }

    /// The variables that the file names, in order of address, before the load bias is added: from
    /// its whole table of symbols, or, where that was stripped, from what it exports.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] when the tables make no sense.
    pub fn variables(&self) -> Result<Vec<Named>> {
        self.find_named(&[STT_OBJECT]).map_err(bad_sections)
    }

    /// The functions that the file names, in the same way.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] when the tables make no sense.
    pub fn functions(&self) -> Result<Vec<Named>> {
        self.find_named(&[STT_FUNC, STT_GNU_IFUNC]).map_err(bad_sections)
    }

    fn find_named(&self, kinds: &[SymbolType]) -> object::read::Result<Vec<Named>> {
        let (sections, endian) = self.sections()?;
        let mut symbols = sections.symbols(endian, self.data(), SHT_SYMTAB)?;
        if symbols.is_empty() {
            symbols = sections.symbols(endian, self.data(), SHT_DYNSYM)?;
        }
        let named = |symbol: &Sym64<Endianness>| {
            let (start, size) = (symbol.st_value(endian), symbol.st_size(endian));
            let is_one = kinds.contains(&symbol.st_type()) && symbol.st_shndx(endian) != SHN_UNDEF;
            if !is_one || size == 0 {
                return None;
            }
            let name = symbol.name(endian, symbols.strings()).ok()?;
            let name = name.get(..MAX_NAME).unwrap_or(name);
            let name = String::from_utf8_lossy(name).into_owned();
            Some(Named { range: start..start.saturating_add(size), name })
        };
        let mut found: Vec<Named> = symbols.iter().take(MAX_NAMED).filter_map(named).collect();
        found.sort_by_key(|named| named.range.start);
        Ok(found)
    }

    /// How far the file was moved when it was loaded: once per copy in `mappings`, which are
    /// the mappings of this file as pairs of address range and file offset, in order of address.
    #[must_use]
    pub fn load_biases(&self, mappings: &[(Range<u64>, u64)], page: u64) -> Vec<u64> {
        let page = page.max(1);
        let mut loaded = self.segments.iter().filter(|s| s.file_size > 0);
        let Some(first) = loaded.next() else { return Vec::new() };
        let (offset, vaddr) =
            (first.offset - first.offset % page, first.vaddr - first.vaddr % page);
        let rest: Vec<_> = loaded.collect();
        let is_whole = |bias: u64| {
            rest.iter().all(|segment| {
                let addr = bias.wrapping_add(segment.vaddr);
                mappings.iter().any(|(range, offset)| {
                    // A segment may have been split by a later change of rights.
                    range.contains(&addr)
                        && (addr - range.start).checked_add(*offset) == Some(segment.offset)
                })
            })
        };
        let mut biases: Vec<u64> = mappings
            .iter()
            .filter(|(_, at)| *at == offset)
            .map(|(range, _)| range.start.wrapping_sub(vaddr))
            .filter(|&bias| is_whole(bias))
            .collect();
        biases.dedup();
        biases
    }
}

/// Whether the hash table's own numbers can be used without overflow.
fn sound_hash<'a>(
    sections: &SectionTable<'a, FileHeader64<Endianness>, Bounded<'a>>,
    endian: Endianness,
    data: Bounded<'a>,
) -> bool {
    let header: Option<&GnuHashHeader<Endianness>> =
        sections.gnu_hash_header(endian, data).ok().flatten();
    header.is_some_and(|h| {
        h.bloom_shift.get(endian) < 32 && h.bloom_count.get(endian).is_power_of_two()
    }) && sections.iter().filter(|s| s.sh_type(endian) == SHT_GNU_HASH).count() == 1
}

fn find_in_order<'a, const N: usize>(
    symbols: &SymbolTable<'a, FileHeader64<Endianness>, Bounded<'a>>,
    endian: Endianness,
    names: [&str; N],
    value: impl Fn(&Sym64<Endianness>) -> Option<u64>,
) -> [Option<u64>; N] {
    let mut found = [None; N];
    for symbol in symbols.iter().take(MAX_LINEAR) {
        let Ok(name) = symbol.name(endian, symbols.strings()) else { continue };
        if let Some(index) = names.iter().position(|n| n.as_bytes() == name) {
            found[index] = found[index].or_else(|| value(symbol));
        }
    }
    found
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidData, message)
}

fn bad_sections(error: object::read::Error) -> Error {
    invalid("the section headers of the ELF file make no sense").with_source(error)
}

/// The file behind a cap on the size of each read.
#[derive(Clone, Copy, Debug)]
struct Bounded<'a> {
    cache: &'a ReadCache<File>,
    len: u64,
}

impl<'a> ReadRef<'a> for Bounded<'a> {
    fn len(self) -> Result<u64, ()> {
        Ok(self.len)
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        if size > MAX_PIECE { Err(()) } else { self.cache.read_bytes_at(offset, size) }
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        self.cache.read_bytes_at_until(range, delimiter)
    }
}
