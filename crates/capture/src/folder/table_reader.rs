//! Columns out of a Parquet file that may be made to hurt.
//!
//! Before the library that unpacks it sees anything, the sizes that the file claims are held
//! against bounds (`thrift`), its schema against the manifest; and if that library should still
//! panic over a hostile file, it is an error like any other.

use std::cell::Cell;
use std::fs::File;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use parquet::column::reader::{ColumnReader, get_typed_column_reader};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::statistics::Statistics;
use probe::{Column, FileColumn, FileType, Result, ResultExt, Table, TableFile, Values};

use super::{Limits, TableEntry, invalid, schema, thrift};

/// Rows that are unpacked at once.
const BATCH: usize = 64 << 10;

/// A type in which a column can be read.
pub trait Value: sealed::Sealed + Sized + Clone {
    /// The type of the column.
    const KIND: FileType;
}

mod sealed {
    pub trait Sealed {
        type Stored: parquet::data_type::DataType;
        fn from_stored(
            stored: <Self::Stored as parquet::data_type::DataType>::T,
        ) -> Result<Self, &'static str>
        where
            Self: Sized;
        /// Bytes beyond the value itself.
        fn text(&self) -> usize {
            0
        }
    }
}

macro_rules! value {
    ($type:ty, $kind:ident, $stored:ty, $convert:expr) => {
        impl sealed::Sealed for $type {
            type Stored = $stored;
            fn from_stored(stored: <$stored as DataType>::T) -> Result<Self, &'static str> {
                $convert(stored)
            }
        }
        impl Value for $type {
            const KIND: FileType = FileType::$kind;
        }
    };
}

value!(bool, Bool, BoolType, Ok);
value!(u8, U8, Int32Type, |n: i32| Self::try_from(n).map_err(|_| "a number beyond 8 bits"));
value!(u32, U32, Int32Type, |n: i32| Ok(n.cast_unsigned()));
value!(u64, U64, Int64Type, |n: i64| Ok(n.cast_unsigned()));
value!(i64, I64, Int64Type, Ok);
value!(f64, F64, DoubleType, Ok);

impl sealed::Sealed for String {
    type Stored = ByteArrayType;
    fn from_stored(stored: ByteArray) -> Result<Self, &'static str> {
        stored.as_utf8().map(Into::into).map_err(|_| "text that is not UTF-8")
    }
    fn text(&self) -> usize {
        self.len()
    }
}
impl Value for String {
    const KIND: FileType = FileType::Text;
}

/// A table that is read by columns, in parts. Threads that read at once open one each.
pub struct TableReader {
    entry: TableEntry,
    reader: SerializedFileReader<File>,
    /// Another handle of the same file, for the bounds.
    file: File,
    limits: Limits,
    /// The handles of a file share their position, so a reader is not shared by threads.
    alone: PhantomData<Cell<()>>,
}

impl std::fmt::Debug for TableReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "reader of table `{}`", self.entry.name)
    }
}

impl TableReader {
    /// Opens a file and compares it with what is said of it.
    pub(super) fn open(file: File, entry: TableEntry, limits: Limits) -> Result<Self> {
        if entry.rows > limits.bulk_rows {
            return Err(invalid(format!("{} rows, over the limit", entry.rows)));
        }
        thrift::check_footer(&file, &limits)?;
        let own = file.try_clone().with_context(|| "cannot read the file")?;
        let reader = guarded(|| SerializedFileReader::new(own))?;
        let metadata = reader.metadata();
        schema::check(metadata.file_metadata().schema_descr(), &entry.columns).map_err(invalid)?;
        let mut rows = 0_u64;
        for group in metadata.row_groups() {
            let more = u64::try_from(group.num_rows())
                .map_err(|_| invalid("a row group with less than no rows"))?;
            rows = rows.saturating_add(more);
        }
        if rows != entry.rows {
            return Err(invalid(format!("it has {rows} rows, and {} were said", entry.rows)));
        }
        Ok(Self { entry, reader, file, limits, alone: PhantomData })
    }

    /// Whether a file is what a probe said of it.
    pub(super) fn check(path: &Path, said: &TableFile, limits: &Limits) -> Result<()> {
        let TableFile { table, file, rows, columns } = said.clone();
        super::manifest::check_columns(&table, &columns, limits).map_err(invalid)?;
        let (probe, checksum, bytes, bulk) = (String::new(), String::new(), 0, true);
        let entry = TableEntry { name: table, probe, file, rows, bytes, checksum, bulk, columns };
        let context = || format!("the file `{}` is not what was said", said.file);
        let opened = File::open(path).with_context(context)?;
        let reader = Self::open(opened, entry, *limits).with_context(context)?;
        for part in 0..reader.parts() {
            for at in 0..reader.entry.columns.len() {
                reader.check_pages(at, part).with_context(context)?;
            }
        }
        Ok(())
    }

    /// What the manifest says of the table.
    #[must_use]
    pub fn entry(&self) -> &TableEntry {
        &self.entry
    }

    /// In how many parts the table was written, of at most about a million rows.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.reader.num_row_groups()
    }

    /// How many rows each part has.
    #[must_use]
    pub fn part_rows(&self) -> Vec<u64> {
        let groups = self.reader.metadata().row_groups().iter();
        groups.map(|group| u64::try_from(group.num_rows()).unwrap_or(0)).collect()
    }

    /// The part of an ascending column of whole numbers that may have a value, by what the file says
    /// of its parts.
    ///
    /// # Errors
    /// When there is no such column, or the file does not say.
    pub fn part_with(&self, name: &str, value: u64) -> Result<Option<usize>> {
        let at = self.position::<u64>(name).or_else(|_| self.position::<u32>(name))?;
        for (part, group) in self.reader.metadata().row_groups().iter().enumerate() {
            let (low, high) = group
                .column(at)
                .statistics()
                .and_then(bounds)
                .ok_or_else(|| invalid(format!("`{name}` lacks the bounds of its parts")))?;
            if (low..=high).contains(&value) {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    /// A column, whole.
    ///
    /// # Errors
    /// When there is no such column of this type, a value is missing, or the file is damaged.
    pub fn column<T: Value>(&self, name: &str) -> Result<Vec<T>> {
        let at = self.position::<T>(name)?;
        let mut values = Vec::new();
        for part in 0..self.parts() {
            self.read(at, part, &mut values, None)?;
        }
        Ok(values)
    }

    /// A part of a column, counted from 0.
    ///
    /// # Errors
    /// As above, or when there is no such part.
    pub fn part<T: Value>(&self, name: &str, part: usize) -> Result<Vec<T>> {
        let at = self.position::<T>(name)?;
        if part >= self.parts() {
            return Err(invalid(format!("the table has {} parts", self.parts())));
        }
        let mut values = Vec::new();
        self.read(at, part, &mut values, None)?;
        Ok(values)
    }

    /// The whole table. Narrow numbers become wide ones.
    ///
    /// # Errors
    /// When the table is too big or damaged.
    pub fn table(&self) -> Result<Table> {
        if self.entry.rows > self.limits.rows {
            return Err(invalid(format!("{} rows, over the limit", self.entry.rows)));
        }
        let columns = self.entry.columns.iter().enumerate();
        let columns: Result<Vec<Column>> = columns
            .map(|(at, column)| {
                let FileColumn { name, unit, role, .. } = column.clone();
                Ok(Column::new(name, unit, role, self.values(at, column.kind)?))
            })
            .collect();
        let table = Table::new(&self.entry.name, columns?);
        table.check().map_err(invalid)?;
        Ok(table)
    }

    fn values(&self, at: usize, kind: FileType) -> Result<Values> {
        fn wide<T: Into<u64>>(values: Vec<Option<T>>) -> Vec<Option<u64>> {
            values.into_iter().map(|v| v.map(Into::into)).collect()
        }
        Ok(match kind {
            FileType::Bool => Values::Bool(self.optional(at)?),
            FileType::U8 => Values::U64(wide::<u8>(self.optional(at)?)),
            FileType::U32 => Values::U64(wide::<u32>(self.optional(at)?)),
            FileType::U64 => Values::U64(self.optional(at)?),
            FileType::I64 => Values::I64(self.optional(at)?),
            FileType::F64 => Values::F64(self.optional(at)?),
            FileType::Text => Values::Text(self.optional(at)?),
        })
    }

    /// A column whose values may be missing, whole.
    fn optional<T: Value>(&self, at: usize) -> Result<Vec<Option<T>>> {
        let (mut values, mut present) = (Vec::new(), Vec::new());
        for part in 0..self.parts() {
            self.read::<T>(at, part, &mut values, Some(&mut present))?;
        }
        let mut values = values.into_iter();
        if !self.entry.columns[at].nullable {
            return Ok(values.map(Some).collect());
        }
        let next = |there: i16| if there == 0 { None } else { values.next() };
        Ok(present.into_iter().map(next).collect())
    }

    fn position<T: Value>(&self, name: &str) -> Result<usize> {
        let found = self.entry.columns.iter().position(|c| c.name == name && c.kind == T::KIND);
        found.ok_or_else(|| {
            let (table, shown) = (&self.entry.name, name.escape_debug());
            invalid(format!("table `{table}` has no column `{shown}` of type {}", T::KIND))
        })
    }

    /// Adds the values of a column in a part. Where some may be missing, `present` says which;
    /// without it that is an error.
    fn read<T: Value>(
        &self,
        at: usize,
        part: usize,
        values: &mut Vec<T>,
        present: Option<&mut Vec<i16>>,
    ) -> Result<()> {
        self.check_pages(at, part)?;
        let rows = usize::try_from(self.reader.metadata().row_group(part).num_rows())
            .map_err(|_| invalid("a row group with less than no rows"))?;
        let nullable = self.entry.columns[at].nullable;
        let column = guarded(|| self.reader.get_row_group(part)?.get_column_reader(at))?;
        let (mut own, strict) = (Vec::new(), present.is_none());
        let present = present.unwrap_or(&mut own);
        let outcome = guarded(|| unpack(column, rows, nullable, values, present, self.limits));
        outcome.with_context(|| {
            format!("table `{}`, column `{}`", self.entry.name, self.entry.columns[at].name)
        })?;
        if strict && own.contains(&0) {
            return Err(invalid(format!(
                "a value of `{}` is missing",
                self.entry.columns[at].name
            )));
        }
        Ok(())
    }

    fn check_pages(&self, at: usize, part: usize) -> Result<()> {
        let column = self.reader.metadata().row_group(part).column(at);
        thrift::check_pages(&self.file, column, &self.limits)
    }
}

/// The least and the greatest of some whole numbers.
fn bounds(statistics: &Statistics) -> Option<(u64, u64)> {
    match statistics {
        Statistics::Int64(bounds) => {
            Some((bounds.min_opt()?.cast_unsigned(), bounds.max_opt()?.cast_unsigned()))
        }
        Statistics::Int32(bounds) => {
            let wide = |bound: &i32| u64::from(bound.cast_unsigned());
            Some((wide(bounds.min_opt()?), wide(bounds.max_opt()?)))
        }
        _ => None,
    }
}

fn unpack<T: Value>(
    column: ColumnReader,
    rows: usize,
    nullable: bool,
    values: &mut Vec<T>,
    present: &mut Vec<i16>,
    limits: Limits,
) -> Result<(), ParquetError> {
    let wrong = |message: &str| ParquetError::General(message.into());
    let mut column = get_typed_column_reader::<T::Stored>(column);
    let (mut left, mut text) = (rows, 0_u64);
    while left > 0 {
        let mut batch = Vec::new();
        let levels = nullable.then_some(&mut *present);
        let (read, _, _) = column.read_records(left.min(BATCH), levels, None, &mut batch)?;
        if read == 0 {
            return Err(wrong("fewer rows than were said"));
        }
        left = left.saturating_sub(read);
        for stored in batch {
            let value = T::from_stored(stored).map_err(wrong)?;
            text += value.text() as u64;
            if text > limits.text_bytes {
                return Err(wrong("too much text"));
            }
            values.push(value);
        }
    }
    Ok(())
}

/// The library checks what it reads; should it miss something, that is an error and not our end.
fn guarded<T>(code: impl FnOnce() -> Result<T, ParquetError>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(outcome) => outcome.map_err(|e| schema::error(e, "the file is damaged")),
        Err(_) => Err(invalid("the file is damaged beyond understanding")),
    }
}
