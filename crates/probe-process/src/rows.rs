//! Figures as tables, with the names that [`probe::tables`] gives.

use probe::tables::{handles, limits, mappings, pressure, processes, shared_memory};
use probe::{Column, Role, Table, Target, Unit, Values};
use target::procfs::host::Pressure;
use target::procfs::smaps::Counts;

use crate::figures::{Handles, Limit, Memory, Rss};
use crate::mappings::MappingGroup;
use crate::shm::SharedFile;

/// A process of the tree and what was measured of it.
pub(crate) struct Row<T> {
    pub(crate) target: Target,
    pub(crate) parent: Option<u32>,
    pub(crate) figures: T,
}

fn identity<T>(rows: &[Row<T>]) -> Vec<Column> {
    let parents = rows.iter().map(|row| row.parent.map(u64::from)).collect();
    vec![
        Column::id_key(processes::PID, rows.iter().map(|row| u64::from(row.target.pid))),
        Column::id_key(processes::START_ID, rows.iter().map(|row| row.target.start_id)),
        Column::new(processes::PARENT, Unit::None, Role::Attribute, Values::U64(parents)),
    ]
}

/// The table of question `rss`.
pub(crate) fn rss(rows: &[Row<Rss>]) -> Table {
    let bytes = |name, get: fn(&Rss) -> Option<u64>| {
        Column::level(name, Unit::Bytes, rows.iter().map(|row| get(&row.figures)))
    };
    let mut columns = identity(rows);
    columns.extend([
        bytes(processes::RSS, |f| Some(f.rss)),
        bytes(processes::RSS_ANON, |f| f.rss_anon),
        bytes(processes::VSS, |f| Some(f.vss)),
    ]);
    Table::new(processes::TABLE, columns)
}

/// The table of question `memory`.
pub(crate) fn memory(rows: &[Row<Memory>]) -> Table {
    type Get = fn(&Memory) -> Option<u64>;
    let level =
        |name, unit, get: Get| Column::level(name, unit, rows.iter().map(|row| get(&row.figures)));
    let bytes = |name, get| level(name, Unit::Bytes, get);
    let counter = |name, unit, get: Get| {
        Column::counter(name, unit, rows.iter().map(|row| get(&row.figures)))
    };
    let mut columns = identity(rows);
    columns.extend([
        Column::text(processes::NAME, rows.iter().map(|row| row.figures.name.clone())),
        Column::text(processes::COMMAND, rows.iter().map(|row| Some(row.target.command.clone()))),
        Column::text(processes::STATE, rows.iter().map(|row| row.figures.state.map(String::from))),
        bytes(processes::RSS, |f| f.rss),
        bytes(processes::RSS_ANON, |f| f.rss_anon),
        bytes(processes::RSS_FILE, |f| f.rss_file),
        bytes(processes::RSS_SHMEM, |f| f.rss_shmem),
        bytes(processes::VSS, |f| f.vss),
        bytes(processes::PEAK_RSS, |f| f.peak_rss),
        bytes(processes::PSS, |f| f.pss),
        bytes(processes::PSS_ANON, |f| f.pss_anon),
        bytes(processes::PSS_FILE, |f| f.pss_file),
        bytes(processes::PSS_SHMEM, |f| f.pss_shmem),
        bytes(processes::USS, |f| f.uss),
        bytes(processes::SWAP, |f| f.swap),
        bytes(processes::SWAP_PSS, |f| f.swap_pss),
        bytes(processes::HUGE, |f| f.huge),
        bytes(processes::LAZY_FREE, |f| f.lazy_free),
        bytes(processes::PAGE_TABLES, |f| f.page_tables),
        level(processes::THREADS, Unit::Count, |f| f.threads),
        level(processes::HANDLES, Unit::Count, |f| f.handles),
        counter(processes::MINOR_FAULTS, Unit::Count, |f| f.minor_faults),
        counter(processes::MAJOR_FAULTS, Unit::Count, |f| f.major_faults),
        counter(processes::CPU_USER, Unit::Ns, |f| f.cpu_user_ns),
        counter(processes::CPU_SYSTEM, Unit::Ns, |f| f.cpu_system_ns),
        counter(processes::CPU_WAITED, Unit::Ns, |f| f.cpu_waited_ns),
    ]);
    Table::new(processes::TABLE, columns)
}

/// The table of question `mappings`: groups with the PID of their process.
pub(crate) fn mapping_groups(rows: &[(u32, MappingGroup)]) -> Table {
    let bytes = |name, get: fn(&Counts) -> Option<u64>| {
        Column::level(name, Unit::Bytes, rows.iter().map(|(_, group)| get(&group.counts)))
    };
    let count = rows.iter().map(|(_, group)| Some(group.mappings));
    Table::new(
        mappings::TABLE,
        vec![
            Column::id_key(mappings::PID, rows.iter().map(|(pid, _)| u64::from(*pid))),
            Column::text_key(mappings::KIND, rows.iter().map(|(_, group)| group.kind)),
            Column::text_key(mappings::NAME, rows.iter().map(|(_, group)| group.name.clone())),
            Column::level(mappings::COUNT, Unit::Count, count),
            bytes(mappings::SIZE, |c| c.size),
            bytes(mappings::RSS, |c| c.rss),
            bytes(mappings::PSS, |c| c.pss),
            bytes(mappings::PRIVATE_DIRTY, |c| c.private_dirty),
            bytes(mappings::PRIVATE_CLEAN, |c| c.private_clean),
            bytes(mappings::SHARED_DIRTY, |c| c.shared_dirty),
            bytes(mappings::SHARED_CLEAN, |c| c.shared_clean),
            bytes(mappings::ANONYMOUS, |c| c.anonymous),
            bytes(mappings::SWAP, |c| c.swap),
            bytes(mappings::HUGE, Counts::huge),
            bytes(mappings::LAZY_FREE, |c| c.lazy_free),
        ],
    )
}

/// The table of question `handles`.
pub(crate) fn handle_groups(processes: &[(u32, Handles)]) -> Table {
    let rows: Vec<_> = processes
        .iter()
        .flat_map(|(pid, handles)| handles.groups.iter().map(move |group| (*pid, group)))
        .collect();
    Table::new(
        handles::TABLE,
        vec![
            Column::id_key(handles::PID, rows.iter().map(|(pid, _)| u64::from(*pid))),
            Column::text_key(handles::KIND, rows.iter().map(|(_, group)| group.kind.clone())),
            Column::level(
                handles::COUNT,
                Unit::Count,
                rows.iter().map(|(_, group)| Some(group.count)),
            ),
            Column::text(
                handles::EXAMPLE,
                rows.iter().map(|(_, group)| Some(group.example.clone())),
            ),
        ],
    )
}

/// The table of question `shared_memory`.
pub(crate) fn shared_files(files: &[SharedFile]) -> Table {
    let state = files.iter().map(|file| Some(file.state.name().to_owned()));
    Table::new(
        shared_memory::TABLE,
        vec![
            Column::text_key(shared_memory::PATH, files.iter().map(|file| file.path.clone())),
            Column::id_key(shared_memory::INODE, files.iter().map(|file| file.inode)),
            Column::text(shared_memory::STATE, state),
            Column::level(shared_memory::BYTES, Unit::Bytes, files.iter().map(|file| file.bytes)),
            Column::level(
                shared_memory::UNMAPPED,
                Unit::Bytes,
                files.iter().map(|file| file.unmapped),
            ),
        ],
    )
}

/// The table of question `limits`.
pub(crate) fn limit_rows(rows: &[Limit]) -> Table {
    let bytes = |name, get: fn(&Limit) -> Option<u64>| {
        Column::level(name, Unit::Bytes, rows.iter().map(get))
    };
    Table::new(
        limits::TABLE,
        vec![
            Column::text_key(limits::SCOPE, rows.iter().map(|row| row.scope)),
            Column::text_key(limits::NAME, rows.iter().map(|row| row.name)),
            Column::text(limits::PLACE, rows.iter().map(|row| Some(row.place.clone()))),
            bytes(limits::LIMIT, |row| row.limit),
            bytes(limits::USED, |row| row.used),
            bytes(limits::RECLAIMABLE, |row| row.reclaimable),
            Column::text(limits::AGAINST, rows.iter().map(|row| Some(row.against.to_owned()))),
        ],
    )
}

/// The table of question `pressure`.
pub(crate) fn pressure_rows(scopes: &[(&'static str, Pressure)]) -> Table {
    let kinds = |(scope, p): &(&'static str, Pressure)| {
        [(*scope, "some", p.some), (*scope, "full", p.full)]
    };
    let rows: Vec<_> = scopes
        .iter()
        .flat_map(kinds)
        .filter_map(|(scope, kind, stall)| Some((scope, kind, stall?)))
        .collect();
    let avg10 = rows.iter().map(|(.., stall)| Some(stall.avg10)).collect();
    Table::new(
        pressure::TABLE,
        vec![
            Column::text_key(pressure::SCOPE, rows.iter().map(|row| row.0)),
            Column::text_key(pressure::KIND, rows.iter().map(|row| row.1)),
            Column::new(pressure::AVG10, Unit::Ratio, Role::Attribute, Values::F64(avg10)),
            Column::counter(
                pressure::TOTAL,
                Unit::Ns,
                rows.iter().map(|(.., stall)| Some(stall.total_ns)),
            ),
        ],
    )
}
