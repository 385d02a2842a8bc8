//! `memprobe try debugmallocstats`: the words of the interpreter's allocator beside what is read
//! of it from outside.

use std::collections::BTreeMap;
use std::iter;

use probe::tables::{pymalloc, size_classes};
use probe::{Column, Issue, Role, Severity, Snapshot, Table, Unit, Values};
use report::Answer;

use super::delivery::Delivery;
use super::stage::{Found, Stage};
use crate::args::{DebugmallocstatsArgs, GlobalArgs};
use crate::exit::{Exit, Failure};

/// Points standard error at a file in memory for as long as `sys._debugmallocstats()` prints, says what
/// that was, and forwards what others printed meanwhile.
const CODE: &str = include_str!("own_words.py");

/// A figure: what it is called, its unit, what the interpreter says, what was read.
struct Line {
    name: String,
    unit: Unit,
    own: Option<u64>,
    read: Option<u64>,
}

/// Asks both and compares.
///
/// # Errors
/// When nothing can be run in the process, or it does not come to it in time.
pub(super) fn run(args: &DebugmallocstatsArgs, global: &GlobalArgs) -> Result<Exit, Failure> {
    let mut stage = Stage::open("debugmallocstats", &args.trial, global)?;
    let delivery = Delivery::open(&mut stage, &args.delivery).map_err(Failure::of_target)?;
    stage.announce(vec![
        delivery.announced("sys._debugmallocstats()"),
        "points the standard error of the process at a file in memory for as long as that prints, \
         and forwards what others print meanwhile"
            .into(),
        "then reads the same figures from outside".into(),
    ])?;
    let (text, lost): (String, u64) = delivery.run(CODE).map_err(Failure::of_target)?;
    if lost > 0 {
        stage.issues.push(Issue::warning(format!(
            "{lost} bytes that others wrote meanwhile to the standard error of the process are \
             lost: it took none, and to wait for a reader would have been for ever"
        )));
    }
    let read = match stage.ask_frozen("pymalloc") {
        Ok(snapshot) => Some(snapshot),
        Err(error) => {
            stage.issues.push(error.to_issue(Severity::Warning));
            None
        }
    };
    let lines = lines(&Own::parse(&text), read.as_ref());
    if lines.iter().all(|line| line.own.is_none()) {
        stage.issues.push(Issue::warning(
            "the interpreter does not tell of its pools: it uses another allocator \
             (PYTHONMALLOC, or a free-threaded build)",
        ));
    }
    let result = Answer { sentence: sentence(&lines), ..Answer::default() };
    stage.finish(Found { result, tables: vec![table(&lines)], ..Found::default() })
}

/// What the interpreter printed.
#[derive(Debug, Default)]
struct Own {
    /// Figures of one line each, by what stands before the `=`.
    figures: BTreeMap<String, u64>,
    /// By the bytes of a block: pools, blocks in use, free blocks.
    classes: BTreeMap<u64, [u64; 3]>,
}

impl Own {
    fn parse(text: &str) -> Self {
        let mut own = Self::default();
        for line in text.lines() {
            let number = |word: &str| word.replace(',', "").parse::<u64>().ok();
            if let Some((name, value)) = line.rsplit_once('=') {
                let name = name.trim().trim_start_matches("# ").to_owned();
                // Of `Total`, which comes twice, the first is that of the arenas.
                own.figures.entry(name).or_insert_with(|| number(value.trim()).unwrap_or(0));
                continue;
            }
            let words: Option<Vec<u64>> = line.split_whitespace().map(number).collect();
            if let Some(&[_, size, pools, used, free]) = words.as_deref() {
                own.classes.insert(size, [pools, used, free]);
            }
        }
        own
    }

    fn figure(&self, name: &str) -> Option<u64> {
        self.figures.get(name).copied()
    }

    /// `7 unused pools * 4096 bytes`: the first number.
    fn unused_pools(&self) -> Option<u64> {
        let name = self.figures.keys().find(|name| name.contains(" unused pools "))?;
        name.split(' ').next()?.parse().ok()
    }
}

fn lines(own: &Own, read: Option<&Snapshot>) -> Vec<Line> {
    use pymalloc as t;
    let table = |name| read.and_then(|snapshot| snapshot.table(name));
    let all = table(t::TABLE);
    let of = |column| all.and_then(|table| table.value(column, 0).as_u64());
    let line = |name: &str, unit, own, read| Line { name: name.into(), unit, own, read };
    let mut lines: Vec<Line> = [
        ("arenas allocated total", Unit::Count, t::ARENAS_TAKEN),
        ("arenas highwater mark", Unit::Count, t::ARENAS_HIGHWATER),
        ("arenas allocated current", Unit::Count, t::ARENAS),
        ("bytes in allocated blocks", Unit::Bytes, t::BYTES_USED),
        ("bytes in available blocks", Unit::Bytes, t::BYTES_FREE),
        ("bytes lost to pool headers", Unit::Bytes, t::BYTES_HEADERS),
        ("bytes lost to quantization", Unit::Bytes, t::BYTES_QUANTISATION),
        ("bytes lost to arena alignment", Unit::Bytes, t::BYTES_ALIGNMENT),
    ]
    .into_iter()
    .map(|(name, unit, column)| line(name, unit, own.figure(name), of(column)))
    .chain(iter::once(line("unused pools", Unit::Count, own.unused_pools(), of(t::POOLS_UNUSED))))
    .collect();
    let classes = table(size_classes::TABLE);
    let row = |block: u64| {
        let table = classes?;
        let is_it = |&row: &usize| table.value(size_classes::BLOCK, row).as_u64() == Some(block);
        (0..table.rows()).find(is_it).map(|row| (table, row))
    };
    for (&block, told) in &own.classes {
        let columns = [size_classes::POOLS, size_classes::USED, size_classes::FREE];
        let names = ["pools", "blocks in use", "blocks free"];
        for ((name, own), column) in names.into_iter().zip(told).zip(columns) {
            let read = row(block).and_then(|(table, row)| table.value(column, row).as_u64());
            let name = format!("class of {block} B: {name}");
            lines.push(Line { name, unit: Unit::Count, own: Some(*own), read });
        }
    }
    lines
}

/// How near both are, in bytes of blocks in use.
fn sentence(lines: &[Line]) -> String {
    let used = lines.iter().find(|line| line.name == "bytes in allocated blocks");
    match used.and_then(|line| line.own.zip(line.read)) {
        Some((own, read)) => format!(
            "The interpreter says that {} are in allocated blocks; read from outside, a moment \
             later, {}",
            diff::human::bytes(own as f64),
            diff::human::bytes(read as f64)
        ),
        None => "There is nothing to compare".into(),
    }
}

fn table(lines: &[Line]) -> Table {
    // Counts and bytes stand in one column: what is what the name says.
    let column = |name: &str, cell: &dyn Fn(&Line) -> Option<i64>| {
        let values = lines.iter().map(cell).collect();
        Column::new(name, Unit::None, Role::Attribute, Values::I64(values))
    };
    let signed = |value: Option<u64>| value.and_then(|n| i64::try_from(n).ok());
    let difference = |line: &Line| Some(signed(line.read)? - signed(line.own)?);
    Table::new(
        "debugmallocstats",
        vec![
            Column::text_key("figure", lines.iter().map(|line| line.name.as_str())),
            Column::text("unit", lines.iter().map(|line| Some(unit(line.unit).into()))),
            column("interpreter", &|line| signed(line.own)),
            column("from_outside", &|line| signed(line.read)),
            column("difference", &difference),
        ],
    )
}

fn unit(unit: Unit) -> &'static str {
    if unit == Unit::Bytes { "bytes" } else { "count" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Small block threshold = 512, in 32 size classes.

class   size   num pools   blocks in use  avail blocks
-----   ----   ---------   -------------  ------------
    0     16           1             100           153
    1     32          26            3250            27

# arenas allocated total           =                   18
7 arenas * 262144 bytes/arena      =            1,835,008

# bytes in allocated blocks        =            1,508,080
55 unused pools * 4096 bytes       =              225,280
Total                              =            1,835,008
";

    #[test]
    fn what_the_interpreter_prints_is_read() {
        let own = Own::parse(TEXT);
        assert_eq!(own.figure("arenas allocated total"), Some(18));
        assert_eq!(own.figure("bytes in allocated blocks"), Some(1_508_080));
        assert_eq!(own.unused_pools(), Some(55));
        assert_eq!(own.classes[&32], [26, 3250, 27]);
        assert_eq!(own.classes.len(), 2);
        assert!(Own::parse("").figures.is_empty());
        let table = table(&lines(&own, None));
        table.check().unwrap();
        assert_eq!(table.rows(), 9 + 6);
    }
}
