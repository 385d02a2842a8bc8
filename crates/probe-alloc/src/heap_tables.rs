//! The tables of the question `malloc`.

use glibc_heap::{Arena, State, Sums};
use probe::tables::{malloc_arenas, malloc_free, malloc_holes, malloc_settings};
use probe::{Column, Role, Table, Unit, Values};

use crate::heap::{Heap, Resident};

/// A row for an arena, or for several.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    address: u64,
    main: bool,
    threads: Option<u64>,
    system: u64,
    peak: u64,
    sums: Sums,
    resident: Option<Resident>,
}

/// All of them.
pub(crate) fn tables(heap: &Heap, pid: u32, most_arenas: usize) -> Vec<Table> {
    if heap.native.arenas.is_empty() {
        return Vec::new();
    }
    vec![arenas(heap, pid, most_arenas), free(heap, pid), holes(heap, pid), settings(heap, pid)]
}

fn rows(heap: &Heap, most: usize) -> Vec<Row> {
    let row = |(n, arena): (usize, &Arena)| Row {
        address: arena.address,
        main: arena.main,
        threads: arena.threads,
        system: arena.system,
        peak: arena.most_system,
        sums: heap.sums.get(n).copied().unwrap_or_default(),
        resident: heap.resident.as_ref().and_then(|all| all.get(n).copied()),
    };
    let mut rows: Vec<Row> = heap.native.arenas.iter().enumerate().map(row).collect();
    if rows.len() > most.max(1) {
        let rest = rows.split_off(most.max(1));
        rows.extend(rest.into_iter().reduce(|a, b| a.and(&b)).map(|r| Row { address: 0, ..r }));
    }
    rows
}

impl Row {
    fn and(&self, other: &Self) -> Self {
        Self {
            threads: self.threads.zip(other.threads).map(|(a, b)| a.saturating_add(b)),
            system: self.system.saturating_add(other.system),
            peak: self.peak.saturating_add(other.peak),
            sums: self.sums.and(&other.sums),
            resident: self.resident.zip(other.resident).map(|(a, b)| a.and(&b)),
            ..*self
        }
    }
}

impl Resident {
    fn and(&self, other: &Self) -> Self {
        Self {
            trim_top: self.trim_top.saturating_add(other.trim_top),
            trim_inside: self.trim_inside.saturating_add(other.trim_inside),
            top: self.top.saturating_add(other.top),
            free: self.free.saturating_add(other.free),
        }
    }
}

fn arenas(heap: &Heap, pid: u32, most: usize) -> Table {
    use malloc_arenas as t;
    let rows = rows(heap, most);
    let level = |name: &str, unit: Unit, cell: fn(&Row) -> Option<u64>| {
        Column::level(name, unit, rows.iter().map(cell))
    };
    let bytes = |name: &str, cell: fn(&Row) -> Option<u64>| level(name, Unit::Bytes, cell);
    let attribute = |name: &str, cell: fn(&Row) -> u64| {
        let values = rows.iter().map(|row| Some(cell(row))).collect();
        Column::new(name, Unit::Bytes, Role::Attribute, Values::U64(values))
    };
    let addresses = rows.iter().map(|row| Some(row.address)).collect();
    Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, rows.iter().map(|_| pid.into())),
            Column::new(t::ARENA, Unit::Address, Role::Key, Values::U64(addresses)),
            Column::text_key(t::KIND, rows.iter().map(|r| if r.main { "main" } else { "thread" })),
            level(t::THREADS, Unit::Count, |row| row.threads),
            level(t::HEAPS, Unit::Count, |row| Some(row.sums.heaps)),
            bytes(t::BYTES, |row| Some(row.system)),
            attribute(t::PEAK, |row| row.peak),
            level(t::BLOCKS, Unit::Count, |row| Some(row.sums.used.count)),
            bytes(t::BYTES_USED, |row| Some(row.sums.used.bytes)),
            bytes(t::BYTES_FREE, |row| Some(row.sums.free.bytes)),
            bytes(t::BYTES_FAST, |row| Some(row.sums.fast.bytes)),
            bytes(t::BYTES_CACHED, |row| Some(row.sums.cached.bytes)),
            bytes(t::BYTES_TOP, |row| Some(row.sums.top.bytes)),
            bytes(t::BYTES_UNKNOWN, |row| Some(row.sums.unknown.bytes)),
            attribute(t::LARGEST, |row| row.sums.largest),
            bytes(t::TRIM_TOP, |row| row.resident.map(|r| r.trim_top)),
            bytes(t::TRIM_INSIDE, |row| row.resident.map(|r| r.trim_inside)),
            bytes(t::TOP_RESIDENT, |row| row.resident.map(|r| r.top)),
            bytes(t::FREE_RESIDENT, |row| row.resident.map(|r| r.free)),
        ],
    )
}

fn list_name(state: State) -> &'static str {
    match state {
        State::Unsorted => "unsorted",
        State::Fast => "fast",
        State::Cached => "cache",
        State::Top => "top",
        _ => "bin",
    }
}

fn free(heap: &Heap, pid: u32) -> Table {
    use malloc_free as t;
    let rows = || heap.free.iter();
    let sizes = rows().map(|(class, _)| Some(class.up_to)).collect();
    Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, rows().map(|_| pid.into())),
            Column::text_key(t::LIST, rows().map(|(class, _)| list_name(class.state))),
            Column::new(t::UP_TO, Unit::Bytes, Role::Key, Values::U64(sizes)),
            Column::level(t::CHUNKS, Unit::Count, rows().map(|(_, amount)| Some(amount.count))),
            Column::level(t::BYTES, Unit::Bytes, rows().map(|(_, amount)| Some(amount.bytes))),
        ],
    )
}

fn holes(heap: &Heap, pid: u32) -> Table {
    use malloc_holes as t;
    let rows = || heap.holes.iter();
    let addresses = rows().map(|hole| Some(hole.address)).collect();
    let arenas = rows().map(|hole| Some(hole.arena)).collect();
    Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, rows().map(|_| pid.into())),
            Column::new(t::ADDRESS, Unit::Address, Role::Key, Values::U64(addresses)),
            Column::new(t::ARENA, Unit::Address, Role::Attribute, Values::U64(arenas)),
            Column::level(t::BYTES, Unit::Bytes, rows().map(|hole| Some(hole.bytes))),
            Column::level(t::RSS, Unit::Bytes, rows().map(|hole| hole.rss)),
        ],
    )
}

fn settings(heap: &Heap, pid: u32) -> Table {
    use malloc_settings as t;
    let params = heap.native.params;
    let attribute = |name: &str, unit: Unit, value: Option<u64>| {
        Column::new(name, unit, Role::Attribute, Values::U64(vec![value]))
    };
    let dynamic = Values::Bool(vec![params.map(|p| p.dynamic)]);
    Table::new(
        t::TABLE,
        vec![
            Column::id_key(t::PID, [pid.into()]),
            Column::level(t::MMAPS, Unit::Count, [params.map(|p| p.mmaps)]),
            Column::level(t::MMAPPED, Unit::Bytes, [params.map(|p| p.mmapped)]),
            Column::level(t::CACHES, Unit::Count, [Some(heap.native.caches)]),
            attribute(t::MMAP_THRESHOLD, Unit::Bytes, params.map(|p| p.mmap_threshold)),
            attribute(t::TRIM_THRESHOLD, Unit::Bytes, params.map(|p| p.trim_threshold)),
            Column::new(t::DYNAMIC, Unit::None, Role::Attribute, dynamic),
            attribute(t::TOP_PAD, Unit::Bytes, params.map(|p| p.top_pad)),
            attribute(t::ARENA_MAX, Unit::Count, params.map(|p| p.arena_max)),
        ],
    )
}
