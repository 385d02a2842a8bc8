//! Every resident byte of a process on one page: tables that say what parts of its memory are,
//! folded into rows that add up to its RSS.
//!
//! Memory that belongs to no file comes from [`private_memory`], where a plugin tells it apart;
//! file pages and shared memory come from [`mappings`]. Both are cut so that no byte is in two
//! rows: what the kernel calls `Anonymous` is the former's, the rest of `Rss` the latter's.

mod over_time;

use std::collections::BTreeMap;

use probe::Table;
use probe::tables::{mappings, native_heap, private_memory, processes, shared_memory};
use serde::{Deserialize, Serialize};

pub use over_time::PartGrowth;
pub(crate) use over_time::by_part;

/// What a row is part of.
pub mod part {
    /// Blocks that are Python objects, by type.
    pub const OBJECTS: &str = "Python objects";
    /// Contents of Python objects in blocks of their own, by type.
    pub const BUFFERS: &str = "buffers of Python objects";
    /// Blocks of C code to which something leads, by who holds them.
    pub const REACHABLE: &str = "native blocks, reachable";
    /// Blocks of C code to which nothing leads.
    pub const UNREACHABLE: &str = "native blocks, unreachable";
    /// Free blocks in pools that have others in use.
    pub const PYMALLOC_FREE: &str = "pymalloc, free blocks";
    /// Pools without a block in use.
    pub const PYMALLOC_EMPTY: &str = "pymalloc, empty pools";
    /// Headers and ends of pools.
    pub const PYMALLOC_LOST: &str = "pymalloc, headers and ends";
    /// Free chunks of glibc, by arena and place.
    pub const MALLOC_FREE: &str = "malloc, free";
    /// Headers of chunks and arenas.
    pub const MALLOC_LOST: &str = "malloc, headers";
    /// Heaps whose blocks are not told apart.
    pub const HEAP: &str = "native heap, not told apart";
    /// Stacks of threads.
    pub const STACKS: &str = "stacks";
    /// Variables and changed pages of programs and libraries.
    pub const DATA: &str = "libraries, own pages";
    /// Pages of programs and libraries as their files have them.
    pub const CODE: &str = "libraries, file pages";
    /// Pages of other files.
    pub const FILES: &str = "files";
    /// Shared memory.
    pub const SHARED: &str = "shared memory";
    /// Memory that a library or object took from the system itself.
    pub const MAPPED: &str = "mapped by libraries and objects";
    /// Pages of the kernel, of devices, and other mappings with a name.
    pub const OTHER: &str = "other mappings";
    /// The rest.
    pub const UNKNOWN: &str = "unknown";
}

/// A row of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AccountRow {
    /// One of [`part`].
    pub part: &'static str,
    /// Type, holder, library, file; empty where there is none.
    pub name: String,
    /// How many, where they can be counted.
    pub count: Option<u64>,
    /// Resident bytes.
    pub resident: u64,
}

/// Memory that the process costs and its RSS does not show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Beside {
    /// What it is.
    pub name: &'static str,
    /// Bytes.
    pub bytes: u64,
}

/// The whole account of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Account {
    /// Resident set, bytes, as the kernel counts it.
    pub rss: Option<u64>,
    /// Unique set, bytes, as the kernel counts it.
    pub uss: Option<u64>,
    /// Resident bytes that other processes have mapped as well.
    pub shared: Option<u64>,
    /// The rows, most bytes first; each byte is in one.
    pub rows: Vec<AccountRow>,
    /// What is not in the RSS.
    pub beside: Vec<Beside>,
}

impl Account {
    /// The account of a process from the tables of one look; `None` when they do not say what is
    /// mapped.
    #[must_use]
    pub fn of(tables: &[&Table], pid: u64) -> Option<Self> {
        let find = |name: &str| tables.iter().copied().find(|table| table.name == name);
        let of_pid = |table: &Table, column: &str| -> Vec<usize> {
            (0..table.rows()).filter(|&r| table.value(column, r).as_u64() == Some(pid)).collect()
        };
        let mapped = find(mappings::TABLE)?;
        let mut sums = Sums::default();
        let mut account = Self::default();
        let groups = of_pid(mapped, mappings::PID);
        groups.iter().for_each(|&row| sums.of_files(mapped, row));
        match find(private_memory::TABLE).filter(|table| table.rows() > 0) {
            Some(table) => {
                let rows = of_pid(table, private_memory::PID);
                rows.into_iter().for_each(|row| sums.private(table, row));
            }
            None => sums.untold(mapped, &groups, find(native_heap::TABLE)),
        }
        account.rows = sums.rows();
        account.shared = shared(mapped, &groups);
        if let Some(table) = find(processes::TABLE)
            && let Some(&row) = of_pid(table, processes::PID).first()
        {
            account.rss = table.value(processes::RSS, row).as_u64();
            account.uss = table.value(processes::USS, row).as_u64();
            account.kernels(table, row);
        }
        if let Some(table) = find(shared_memory::TABLE) {
            let bytes = |row| table.value(shared_memory::UNMAPPED, row).as_u64().unwrap_or(0);
            let unmapped = (0..table.rows()).map(bytes).fold(0, u64::saturating_add);
            account.add("shared-memory files that it has not mapped", unmapped);
        }
        Some(account)
    }

    fn kernels(&mut self, table: &Table, row: usize) {
        let names = [("page tables", processes::PAGE_TABLES), ("swapped out", processes::SWAP)];
        for (name, column) in names {
            self.add(name, table.value(column, row).as_u64().unwrap_or(0));
        }
    }

    fn add(&mut self, name: &'static str, bytes: u64) {
        if bytes > 0 {
            self.beside.push(Beside { name, bytes });
        }
    }

    /// All rows together, bytes.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.rows.iter().fold(0, |sum, row| sum.saturating_add(row.resident))
    }

    /// What the rows lack of the RSS, or have too much (negative), bytes.
    #[must_use]
    pub fn difference(&self) -> Option<i64> {
        difference(self.rss?, self.sum())
    }

    /// The same of the USS: the rows without what others have mapped as well.
    #[must_use]
    pub fn uss_difference(&self) -> Option<i64> {
        difference(self.uss?, self.sum().saturating_sub(self.shared?))
    }

    /// Bytes of rows of a part.
    #[must_use]
    pub fn of_part(&self, part: &str) -> u64 {
        let rows = self.rows.iter().filter(|row| row.part == part);
        rows.fold(0, |sum, row| sum.saturating_add(row.resident))
    }

    /// One row for each part, most bytes first.
    #[must_use]
    pub fn parts(&self) -> Vec<AccountRow> {
        let mut sums = Sums::default();
        for row in &self.rows {
            sums.add(row.part, "", row.count, row.resident);
        }
        sums.rows()
    }
}

fn difference(counted: u64, sum: u64) -> Option<i64> {
    i64::try_from(i128::from(counted) - i128::from(sum)).ok()
}

/// Resident bytes that other processes have mapped as well.
fn shared(table: &Table, rows: &[usize]) -> Option<u64> {
    let columns = [mappings::SHARED_CLEAN, mappings::SHARED_DIRTY];
    let cells = rows.iter().flat_map(|&row| columns.map(|name| table.value(name, row).as_u64()));
    cells.flatten().reduce(u64::saturating_add)
}

/// Rows while they are summed.
#[derive(Default)]
struct Sums(BTreeMap<(&'static str, String), (Option<u64>, u64)>);

impl Sums {
    fn add(&mut self, part: &'static str, name: &str, count: Option<u64>, resident: u64) {
        let row = self.0.entry((part, name.to_owned())).or_default();
        row.0 = row.0.zip(count).map(|(a, b)| a.saturating_add(b)).or(row.0).or(count);
        row.1 = row.1.saturating_add(resident);
    }

    fn take(&mut self, rows: Vec<AccountRow>) {
        rows.into_iter().for_each(|row| self.add(row.part, &row.name, row.count, row.resident));
    }

    /// What of a group of mappings belongs to a file or is shared.
    fn of_files(&mut self, table: &Table, row: usize) {
        let cell = |name| table.value(name, row).as_u64();
        let anonymous = cell(mappings::ANONYMOUS).unwrap_or(0);
        let bytes = cell(mappings::RSS).unwrap_or(0).saturating_sub(anonymous);
        if bytes == 0 {
            return;
        }
        let name = table.value(mappings::NAME, row).as_str().unwrap_or_default();
        let part = match table.value(mappings::KIND, row).as_str() {
            Some(mappings::LIBRARY) => part::CODE,
            Some(mappings::FILE) => part::FILES,
            Some(mappings::SHARED) => part::SHARED,
            _ => part::OTHER,
        };
        self.add(part, name, cell(mappings::COUNT), bytes);
    }

    fn private(&mut self, table: &Table, row: usize) {
        use private_memory as t;
        let text = |name| table.value(name, row).as_str().unwrap_or_default();
        let part = match text(t::PART) {
            t::OBJECTS => part::OBJECTS,
            t::BUFFERS => part::BUFFERS,
            t::REACHABLE => part::REACHABLE,
            t::UNREACHABLE => part::UNREACHABLE,
            t::PYMALLOC_FREE => part::PYMALLOC_FREE,
            t::PYMALLOC_EMPTY => part::PYMALLOC_EMPTY,
            t::PYMALLOC_LOST => part::PYMALLOC_LOST,
            t::MALLOC_FREE => part::MALLOC_FREE,
            t::MALLOC_LOST => part::MALLOC_LOST,
            t::STACKS => part::STACKS,
            t::DATA => part::DATA,
            t::MAPPED => part::MAPPED,
            _ => part::UNKNOWN,
        };
        let resident = table.value(t::RESIDENT, row).as_u64().unwrap_or(0);
        self.add(part, text(t::NAME), table.value(t::COUNT, row).as_u64(), resident);
    }

    /// Anonymous memory where nobody told it apart: by mappings alone.
    fn untold(&mut self, table: &Table, rows: &[usize], heaps: Option<&Table>) {
        let mut plain = 0_u64;
        for &row in rows {
            let bytes = table.value(mappings::ANONYMOUS, row).as_u64().unwrap_or(0);
            let name = table.value(mappings::NAME, row).as_str().unwrap_or_default();
            match table.value(mappings::KIND, row).as_str() {
                Some(mappings::STACK) => self.add(part::STACKS, name, None, bytes),
                Some(mappings::LIBRARY | mappings::FILE) if bytes > 0 => {
                    self.add(part::DATA, name, None, bytes);
                }
                Some(mappings::OTHER | mappings::VDSO) if bytes > 0 => {
                    self.add(part::OTHER, name, None, bytes);
                }
                _ => plain = plain.saturating_add(bytes),
            }
        }
        for row in heaps.iter().flat_map(|heaps| (0..heaps.rows()).map(move |row| (heaps, row))) {
            let (heaps, row) = row;
            let name = heaps.value(native_heap::PART, row).as_str().unwrap_or_default();
            // What is only known to be anonymous memory is not known to be a heap.
            if matches!(name, "main heap" | "thread arena") {
                let bytes = heaps.value(native_heap::RSS, row).as_u64().unwrap_or(0).min(plain);
                plain -= bytes;
                self.add(part::HEAP, name, None, bytes);
            }
        }
        self.add(part::UNKNOWN, "", None, plain);
    }

    fn rows(self) -> Vec<AccountRow> {
        let row = |((part, name), (count, resident))| AccountRow { part, name, count, resident };
        let mut rows: Vec<AccountRow> = self.0.into_iter().map(row).collect();
        rows.sort_by(|a, b| {
            b.resident.cmp(&a.resident).then_with(|| (a.part, &a.name).cmp(&(b.part, &b.name)))
        });
        rows
    }
}

/// How a row grew between two looks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountGrowth {
    /// One of [`part`].
    pub part: String,
    /// As in the rows.
    pub name: String,
    /// More of them, where they can be counted.
    pub count: Option<i64>,
    /// More resident bytes.
    pub bytes: i64,
    /// The same per second.
    pub bytes_per_s: f64,
    /// Of the growth of all rows that grew; `None` where nothing grew.
    pub share: Option<f64>,
    /// Resident bytes at the later look.
    pub resident: u64,
}

/// What changed between two looks, what grew most first. Rows that are the same are left out.
#[must_use]
pub fn growth(before: &[AccountRow], after: &[AccountRow], seconds: f64) -> Vec<AccountGrowth> {
    type Pair<'a> = (Option<&'a AccountRow>, Option<&'a AccountRow>);
    let mut pairs: BTreeMap<(&'static str, &str), Pair<'_>> = BTreeMap::new();
    for row in before {
        pairs.entry((row.part, &row.name)).or_default().0 = Some(row);
    }
    for row in after {
        pairs.entry((row.part, &row.name)).or_default().1 = Some(row);
    }
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let of = |((part, name), (a, b)): ((&'static str, &str), Pair<'_>)| {
        let bytes = |row: Option<&AccountRow>| signed(row.map_or(0, |row| row.resident));
        let count = |row: Option<&AccountRow>| row.map_or(Some(0), |row| row.count).map(signed);
        let grown = bytes(b).saturating_sub(bytes(a));
        AccountGrowth {
            part: part.to_owned(),
            name: name.to_owned(),
            count: count(b).zip(count(a)).map(|(b, a)| b.saturating_sub(a)),
            bytes: grown,
            bytes_per_s: if seconds > 0.0 { grown as f64 / seconds } else { 0.0 },
            share: None,
            resident: b.map_or(0, |row| row.resident),
        }
    };
    let mut rows: Vec<AccountGrowth> =
        pairs.into_iter().map(of).filter(|row| row.bytes != 0).collect();
    let risen: f64 = rows.iter().filter(|row| row.bytes > 0).map(|row| row.bytes as f64).sum();
    if risen > 0.0 {
        rows.iter_mut().for_each(|row| row.share = Some(row.bytes.max(0) as f64 / risen));
    }
    rows.sort_by(|a, b| {
        b.bytes.cmp(&a.bytes).then_with(|| (&a.part, &a.name).cmp(&(&b.part, &b.name)))
    });
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::{Column, Unit};

    fn level(name: &str, values: &[u64]) -> Column {
        Column::level(name, Unit::Bytes, values.iter().map(|&v| Some(v)))
    }

    fn tables(private: bool) -> Vec<Table> {
        use private_memory as p;
        let pids = |n| Column::id_key("pid", vec![7; n]);
        let mut tables = vec![
            Table::new(
                mappings::TABLE,
                vec![
                    Column::id_key("pid", [7, 7, 7, 7, 7, 8]),
                    Column::text_key(
                        mappings::KIND,
                        ["heap", "anonymous", "library", "shared", "stack", "file"],
                    ),
                    Column::text_key(
                        mappings::NAME,
                        ["[heap]", "[anon]", "/l.so", "/dev/shm/x", "[stack]", "/f"],
                    ),
                    level(mappings::RSS, &[1000, 2000, 500, 300, 100, 9999]),
                    level(mappings::ANONYMOUS, &[1000, 2000, 200, 0, 100, 0]),
                    level(mappings::SHARED_CLEAN, &[0, 0, 250, 0, 0, 0]),
                    level(mappings::SHARED_DIRTY, &[0, 0, 0, 100, 0, 0]),
                ],
            ),
            Table::new(
                processes::TABLE,
                vec![
                    pids(1),
                    level(processes::RSS, &[4000]),
                    level(processes::USS, &[3500]),
                    level(processes::PAGE_TABLES, &[77]),
                    level(processes::SWAP, &[0]),
                ],
            ),
            Table::new(shared_memory::TABLE, vec![level(shared_memory::UNMAPPED, &[5, 6])]),
            Table::new(
                native_heap::TABLE,
                vec![
                    pids(2),
                    Column::text_key(native_heap::PART, ["main heap", "mmapped block"]),
                    level(native_heap::RSS, &[1000, 2000]),
                ],
            ),
        ];
        if private {
            tables.push(Table::new(
                p::TABLE,
                vec![
                    pids(4),
                    Column::text_key(p::PART, [p::OBJECTS, p::OBJECTS, p::DATA, "something new"]),
                    Column::text_key(p::NAME, ["dict", "str", "l.so", ""]),
                    Column::level(p::COUNT, Unit::Count, [Some(3), Some(4), Some(1), None]),
                    level(p::RESIDENT, &[1500, 1400, 200, 190]),
                ],
            ));
        }
        tables
    }

    fn account(private: bool) -> Account {
        let tables = tables(private);
        Account::of(&tables.iter().collect::<Vec<_>>(), 7).unwrap()
    }

    #[test]
    fn the_rows_add_up() {
        let account = account(true);
        assert_eq!(account.sum(), 1500 + 1400 + 200 + 190 + 300 + 300);
        assert_eq!(account.difference(), Some(4000 - 3890));
        assert_eq!(account.uss_difference(), Some(3500 - (3890 - 350)));
        let parts: Vec<_> =
            account.parts().into_iter().map(|r| (r.part, r.count, r.resident)).collect();
        let wanted = [
            (part::OBJECTS, Some(7), 2900),
            (part::CODE, None, 300),
            (part::SHARED, None, 300),
            (part::DATA, Some(1), 200),
            (part::UNKNOWN, None, 190),
        ];
        assert_eq!(parts, wanted);
        let beside: Vec<_> = account.beside.iter().map(|b| (b.name, b.bytes)).collect();
        let shm = "shared-memory files that it has not mapped";
        assert_eq!(beside, [("page tables", 77), (shm, 11)]);
    }

    /// Where nobody tells anonymous memory apart, all of it is still in some row.
    #[test]
    fn what_is_not_told_apart_is_said_to_be_so() {
        let account = account(false);
        assert_eq!(account.sum(), 1000 + 2000 + 500 + 300 + 100);
        assert_eq!(account.of_part(part::HEAP), 1000);
        assert_eq!(account.of_part(part::UNKNOWN), 2000);
        assert_eq!(account.of_part(part::DATA), 200);
        assert_eq!(Account::of(&[], 7), None);
    }

    #[test]
    fn growth_is_row_by_row() {
        let row = |part, name: &str, count, resident| AccountRow {
            part,
            name: name.into(),
            count,
            resident,
        };
        let before = [
            row(part::OBJECTS, "dict", Some(3), 100),
            row(part::OBJECTS, "list", Some(3), 100),
            row(part::FILES, "/f", None, 50),
        ];
        let after = [
            row(part::OBJECTS, "dict", Some(5), 400),
            row(part::OBJECTS, "list", Some(4), 100),
            row(part::STACKS, "", Some(1), 100),
        ];
        let rows = growth(&before, &after, 10.0);
        let told: Vec<_> = rows.iter().map(|r| (&*r.part, r.count, r.bytes, r.share)).collect();
        let wanted = [
            (part::OBJECTS, Some(2), 300, Some(0.75)),
            (part::STACKS, Some(1), 100, Some(0.25)),
            (part::FILES, None, -50, Some(0.0)),
        ];
        assert_eq!(told, wanted);
        assert_eq!(rows[0].bytes_per_s, 30.0);
        assert_eq!(growth(&before, &before, 0.0), []);
    }
}
