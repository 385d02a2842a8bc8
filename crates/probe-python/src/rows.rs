//! From what was read to the columns of the tables.

use probe::tables::{gc, interpreters, python_threads};
use probe::{Column, Role, Table, Unit, Values};

use crate::collector::{Generation, Objects};
use crate::find::Runtime;

/// What identifies an interpreter.
#[derive(Clone, Copy)]
pub(crate) struct Key {
    pub(crate) pid: u64,
    pub(crate) runtime: u64,
    pub(crate) interpreter: u64,
}

pub(crate) struct Rows<T> {
    pub(crate) rows: Vec<(Key, T)>,
}

pub(crate) struct InterpreterRow {
    pub(crate) runtime: Runtime,
    pub(crate) threads: u64,
}

pub(crate) struct ThreadRow {
    pub(crate) thread: u64,
    pub(crate) name: Option<String>,
}

pub(crate) struct GenerationRow {
    pub(crate) name: &'static str,
    pub(crate) enabled: bool,
    pub(crate) generation: Option<Generation>,
    pub(crate) objects: Objects,
    /// Given with the oldest generation.
    pub(crate) garbage: Option<u64>,
}

impl<T> Rows<T> {
    pub(crate) fn keys(&self, pid: &str, runtime: &str, interpreter: &str) -> Vec<Column> {
        let addresses = self.rows.iter().map(|(key, _)| Some(key.runtime)).collect();
        vec![
            Column::id_key(pid, self.rows.iter().map(|(key, _)| key.pid)),
            Column::new(runtime, Unit::Address, Role::Key, Values::U64(addresses)),
            Column::id_key(interpreter, self.rows.iter().map(|(key, _)| key.interpreter)),
        ]
    }

    pub(crate) fn text(&self, name: &str, cell: impl Fn(&T) -> Option<String>) -> Column {
        Column::text(name, self.rows.iter().map(|(_, row)| cell(row)))
    }

    pub(crate) fn numbers(&self, cell: impl Fn(&T) -> Option<u64>) -> Vec<Option<u64>> {
        self.rows.iter().map(|(_, row)| cell(row)).collect()
    }
}

impl Rows<InterpreterRow> {
    pub(crate) fn table(&self) -> Table {
        use interpreters as t;
        let mut columns = self.keys(t::PID, t::RUNTIME, t::INTERPRETER);
        columns.extend([
            self.text(t::VERSION, |row| Some(row.runtime.version.to_string())),
            self.text(t::BUILD, |row| Some(row.runtime.build())),
            self.text(t::LIBRARY, |row| Some(row.runtime.library.clone())),
            self.text(t::FOUND_BY, |row| Some(row.runtime.found_by.to_string())),
            Column::level(t::THREADS, Unit::Count, self.numbers(|row| Some(row.threads))),
        ]);
        Table::new(t::TABLE, columns)
    }
}

impl Rows<ThreadRow> {
    pub(crate) fn table(&self) -> Table {
        use python_threads as t;
        let mut columns = self.keys(t::PID, t::RUNTIME, t::INTERPRETER);
        columns.extend([
            Column::id_key(t::THREAD, self.rows.iter().map(|(_, row)| row.thread)),
            self.text(t::NAME, |row| row.name.clone()),
        ]);
        Table::new(t::TABLE, columns)
    }
}

impl Rows<GenerationRow> {
    pub(crate) fn table(&self) -> Table {
        use gc as t;
        let attribute =
            |name: &str, values| Column::new(name, Unit::Count, Role::Attribute, values);
        let generation = |cell: fn(&Generation) -> Option<u64>| {
            Values::U64(self.numbers(|row| row.generation.as_ref().and_then(cell)))
        };
        let counter = |name: &str, cell: fn(&crate::Statistics) -> u64| {
            let values = self.numbers(|row| Some(cell(&row.generation.as_ref()?.statistics?)));
            Column::counter(name, Unit::Count, values)
        };
        let enabled = self.rows.iter().map(|(_, row)| Some(row.enabled)).collect();
        let mut columns = self.keys(t::PID, t::RUNTIME, t::INTERPRETER);
        columns.extend([
            Column::text_key(t::GENERATION, self.rows.iter().map(|(_, row)| row.name)),
            Column::new(t::ENABLED, Unit::None, Role::Attribute, Values::Bool(enabled)),
            attribute(t::THRESHOLD, generation(|g| Some(g.threshold))),
            attribute(t::COUNT, generation(|g| g.count)),
            Column::level(t::OBJECTS, Unit::Count, self.numbers(|row| row.objects.number())),
            counter(t::COLLECTIONS, |s| s.collections),
            counter(t::COLLECTED, |s| s.collected),
            counter(t::UNCOLLECTABLE, |s| s.uncollectable),
            Column::level(t::GARBAGE, Unit::Count, self.numbers(|row| row.garbage)),
        ]);
        Table::new(t::TABLE, columns)
    }
}
