//! The words of an interpreter that an experiment may write, and what they hold now.
//!
//! Nothing is written here. What is told goes with an anchor, another word that leads to the
//! structure as long as that is there: who writes later looks at it first, since an interpreter
//! or a thread that ends leaves its memory to others.

use probe::tables::levers as t;
use probe::{Column, Result, Role, Table, Unit, Values};
use target::memory::ReadMemory;

use crate::attach::{CollectorAt, Python};
use crate::find::Runtime;
use crate::layout::{CollectorTable, DebuggerEntries, table};
use crate::rows::Rows;
use crate::state::{Interpreter, nonsense};

/// The largest threshold that is believed: an `int`.
const MOST: u64 = i32::MAX as u64;
/// A path of a script is not longer.
const LONGEST_PATH: u64 = 1 << 16;

/// A word, or a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lever {
    name: &'static str,
    address: u64,
    size: u64,
    value: Option<u64>,
    anchor: Option<Anchor>,
}

/// A word that leads to a structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Anchor {
    address: u64,
    value: u64,
}

impl Anchor {
    /// One that holds now.
    fn checked<M: ReadMemory>(memory: &M, address: u64, value: u64) -> Option<Self> {
        let holds = value != 0 && memory.read_u64(address).is_ok_and(|now| now == value);
        holds.then_some(Self { address, value })
    }
}

/// What there is of an interpreter.
///
/// # Errors
/// When its structures do not look as the version says; those of reading memory.
pub(crate) fn of(
    python: &Python,
    runtime: &Runtime,
    interpreter: &Interpreter,
) -> Result<Vec<Lever>> {
    let mut levers = match python.collector_at(runtime, interpreter, 0)? {
        Some(found) => collector(python, runtime, interpreter, &found)?,
        None if interpreter.id == 0 => old_thresholds(python, runtime)?,
        None => Vec::new(),
    };
    levers.extend(debugger(python, runtime, interpreter)?);
    Ok(levers)
}

/// The switch of the collector and its thresholds.
fn collector(
    python: &Python,
    runtime: &Runtime,
    interpreter: &Interpreter,
    found: &CollectorAt,
) -> Result<Vec<Lever>> {
    let CollectorAt { address, table, state } = found;
    let (_, layout) = python.layout(runtime)?;
    // Behind the newest interpreter stands the main one.
    let main = runtime.address + layout.interpreters_head + 8;
    let anchor = Anchor::checked(python.memory(), main, interpreter.address);
    let enabled = Lever {
        name: t::GC_ENABLED,
        address: address + table.enabled,
        size: 4,
        value: Some(state.enabled.into()),
        anchor,
    };
    let values = state.generations.map(|generation| generation.threshold);
    let all = thresholds(address + table.generations, table, values, anchor);
    Ok(std::iter::once(enabled).chain(all).collect())
}

fn thresholds(
    first: u64,
    table: &CollectorTable,
    values: [u64; 3],
    anchor: Option<Anchor>,
) -> impl Iterator<Item = Lever> {
    let places = (first + table.threshold..).step_by(table.generation_size as usize);
    t::GC_THRESHOLDS.into_iter().zip(values).zip(places).map(move |((name, value), address)| {
        Lever { name, address, size: 4, value: Some(value), anchor }
    })
}

/// 3.6 names its youngest generation by a symbol, and the others follow. No symbol names its
/// switch; a threshold of 0 for the youngest does the same.
fn old_thresholds(python: &Python, runtime: &Runtime) -> Result<Vec<Lever>> {
    let Some(variable) = runtime.youngest else { return Ok(Vec::new()) };
    let memory = python.memory();
    let first = memory.read_u64(variable)?;
    let table = &table(&runtime.version)?.collector;
    let mut values = [0; 3];
    for (number, value) in (0..).zip(&mut values) {
        let at = first.saturating_add(number * table.generation_size + table.threshold);
        *value = memory.read_u32(at)?.into();
        if *value > MOST {
            return Err(nonsense(format!("generation {number} has the threshold {value}")));
        }
    }
    let anchor = Anchor::checked(memory, variable, first);
    Ok(thresholds(first, table, values, anchor).collect())
}

/// What PEP 768 needs to have the main thread run a script.
fn debugger(python: &Python, runtime: &Runtime, interpreter: &Interpreter) -> Result<Vec<Lever>> {
    let Some(entries) = DebuggerEntries::of(runtime.version.minor) else { return Ok(Vec::new()) };
    let memory = python.memory();
    let places = entries.read(memory, runtime.address)?;
    let main_at = interpreter.address.saturating_add(places.threads_main);
    let thread = memory.read_u64(main_at)?;
    let whole = |name, base: u64, offset: u64, anchor| -> Result<Lever> {
        let address = base.saturating_add(offset);
        let value = Some(memory.read_u32(address)?.into());
        Ok(Lever { name, address, size: 4, value, anchor })
    };
    let mut levers = vec![whole(t::DEBUGGER_ENABLED, interpreter.address, places.enabled, None)?];
    if interpreter.threads.iter().any(|known| known.address == thread) {
        let anchor = Anchor::checked(memory, main_at, thread);
        let address = thread.saturating_add(places.eval_breaker);
        let value = Some(memory.read_u64(address)?);
        let size = places.script_path_size.min(LONGEST_PATH);
        let path = thread.saturating_add(places.script_path);
        levers.extend([
            Lever { name: t::EVAL_BREAKER, address, size: 8, value, anchor },
            whole(t::DEBUGGER_PENDING, thread, places.pending, anchor)?,
            Lever { name: t::DEBUGGER_SCRIPT_PATH, address: path, size, value: None, anchor },
        ]);
    }
    Ok(levers)
}

impl Rows<Lever> {
    pub(crate) fn table(&self) -> Table {
        let address = |name: &str, values| {
            Column::new(name, Unit::Address, Role::Attribute, Values::U64(values))
        };
        let number = |name: &str, unit, values| {
            Column::new(name, unit, Role::Attribute, Values::U64(values))
        };
        let anchor = |cell: fn(Anchor) -> u64| self.numbers(|lever| lever.anchor.map(cell));
        let mut columns = self.keys(t::PID, t::RUNTIME, t::INTERPRETER);
        columns.extend([
            Column::text_key(t::LEVER, self.rows.iter().map(|(_, lever)| lever.name)),
            address(t::ADDRESS, self.numbers(|lever| Some(lever.address))),
            number(t::SIZE, Unit::Bytes, self.numbers(|lever| Some(lever.size))),
            number(t::VALUE, Unit::None, self.numbers(|lever| lever.value)),
            address(t::ANCHOR, anchor(|anchor| anchor.address)),
            number(t::ANCHORED, Unit::None, anchor(|anchor| anchor.value)),
        ]);
        Table::new(t::TABLE, columns)
    }
}
