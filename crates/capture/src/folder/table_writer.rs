//! A table of any length into a Parquet file, with bounded memory.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedFileWriter;
use probe::{Error, ErrorKind, FileColumn, FileType, Result, ResultExt, TableFile, Values};

use crate::private::private;

use super::manifest::check_columns;
use super::{Limits, is_name, schema};

/// Rows of a row group: what is held in memory at once, and what readers work on in parallel.
const ROW_GROUP: usize = 1 << 20;
/// Text that ends a row group early, bytes.
const GROUP_TEXT: usize = 32 << 20;
/// Rows after which the text that is held is looked at.
const STEP: usize = 1024;

/// Some values of a column, none of them missing.
#[derive(Clone, Copy, Debug)]
pub enum Chunk<'a> {
    /// Of [`FileType::Bool`].
    Bool(&'a [bool]),
    /// Of [`FileType::U8`].
    U8(&'a [u8]),
    /// Of [`FileType::U32`].
    U32(&'a [u32]),
    /// Of [`FileType::U64`].
    U64(&'a [u64]),
    /// Of [`FileType::I64`].
    I64(&'a [i64]),
    /// Of [`FileType::F64`].
    F64(&'a [f64]),
    /// Of [`FileType::Text`].
    Text(&'a [&'a str]),
}

impl Chunk<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Bool(v) => v.len(),
            Self::U8(v) => v.len(),
            Self::U32(v) => v.len(),
            Self::U64(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::Text(v) => v.len(),
        }
    }

    fn kind(&self) -> FileType {
        match self {
            Self::Bool(_) => FileType::Bool,
            Self::U8(_) => FileType::U8,
            Self::U32(_) => FileType::U32,
            Self::U64(_) => FileType::U64,
            Self::I64(_) => FileType::I64,
            Self::F64(_) => FileType::F64,
            Self::Text(_) => FileType::Text,
        }
    }
}

/// Writes `<table>.parquet` in a folder.
///
/// Values are given in chunks of any length, all columns of a chunk at once. A million rows are
/// held in memory; the rest is in the file, which is on disk when [`TableWriter::finish`] returns.
#[derive(Debug)]
pub struct TableWriter {
    path: PathBuf,
    table: TableFile,
    file: SerializedFileWriter<File>,
    group: Vec<Buffer>,
    /// Rows of a row group.
    most: usize,
    held: usize,
    text: usize,
}

impl TableWriter {
    /// Makes the file, mode 0600.
    ///
    /// # Errors
    /// When the names make no sense, or the file is there or cannot be made.
    pub fn create(folder: &Path, table: &str, columns: Vec<FileColumn>) -> Result<Self> {
        Self::create_as(folder, table, &format!("{table}.parquet"), columns)
    }

    /// The same with another name of the file.
    pub(super) fn create_as(
        folder: &Path,
        table: &str,
        file: &str,
        columns: Vec<FileColumn>,
    ) -> Result<Self> {
        let nonsense = |message| Error::new(ErrorKind::InvalidInput, message);
        if !is_name(table) {
            return Err(nonsense(format!("`{}` is no name of a table", table.escape_debug())));
        }
        check_columns(table, &columns, &Limits::default()).map_err(nonsense)?;
        let path = folder.join(file);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        private(&mut options);
        let made = options.open(&path).with_context(|| cannot_write(&path))?;
        let writer = schema::schema(&columns).and_then(|schema| {
            let properties = schema::properties(table, &columns)?;
            SerializedFileWriter::new(made, schema, Arc::new(properties))
        });
        let group = columns.iter().map(Buffer::new).collect();
        let file = writer.map_err(|e| schema::error(e, cannot_write(&path)))?;
        let table = TableFile {
            table: table.into(),
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            rows: 0,
            columns,
        };
        Ok(Self { path, table, file, group, most: ROW_GROUP, held: 0, text: 0 })
    }

    /// For a table of which single rows are read later: parts of so many rows, at most a million.
    #[must_use]
    pub fn in_parts_of(mut self, rows: usize) -> Self {
        self.most = rows.clamp(1, ROW_GROUP);
        self
    }

    /// Adds rows: one chunk per column, in order, all of the same length.
    ///
    /// # Errors
    /// When the chunks do not fit the columns, or the file cannot be written.
    pub fn write(&mut self, chunks: &[Chunk<'_>]) -> Result<()> {
        let rows = chunks.first().map_or(0, Chunk::len);
        let fits = chunks.len() == self.table.columns.len()
            && chunks.iter().zip(&self.table.columns).all(|(chunk, column)| {
                chunk.kind() == column.kind && !column.nullable && chunk.len() == rows
            });
        if !fits {
            return Err(self.misfit());
        }
        let mut from = 0;
        while from < rows {
            let to = rows.min(from + STEP.min(self.most - self.held));
            for (buffer, chunk) in self.group.iter_mut().zip(chunks) {
                self.text += buffer.push(chunk, from, to);
            }
            self.took(to - from)?;
            from = to;
        }
        Ok(())
    }

    /// Adds the rows of columns whose values may be missing.
    pub(super) fn write_values(&mut self, columns: &[&Values]) -> Result<()> {
        let rows = columns.first().map_or(0, |values| values.len());
        let fits = columns.len() == self.table.columns.len()
            && columns.iter().zip(&self.table.columns).all(|(values, column)| {
                values.type_name() == column.kind.name() && column.nullable && values.len() == rows
            });
        if !fits {
            return Err(self.misfit());
        }
        let mut from = 0;
        while from < rows {
            let to = rows.min(from + STEP.min(self.most - self.held));
            for (buffer, values) in self.group.iter_mut().zip(columns) {
                self.text += buffer.push_optional(values, from, to);
            }
            self.took(to - from)?;
            from = to;
        }
        Ok(())
    }

    /// Writes what is held and hands the file to the disk.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> Result<TableFile> {
        self.flush()?;
        let file =
            self.file.into_inner().map_err(|e| schema::error(e, cannot_write(&self.path)))?;
        file.sync_all().with_context(|| cannot_write(&self.path))?;
        Ok(self.table)
    }

    fn took(&mut self, rows: usize) -> Result<()> {
        self.held += rows;
        self.table.rows += rows as u64;
        if self.held >= self.most || self.text >= GROUP_TEXT { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        if self.held == 0 {
            return Ok(());
        }
        (self.held, self.text) = (0, 0);
        row_group(&mut self.file, &mut self.group)
            .map_err(|e| schema::error(e, cannot_write(&self.path)))
    }

    fn misfit(&self) -> Error {
        let message = format!("the values do not fit the columns of table `{}`", self.table.table);
        Error::new(ErrorKind::InvalidInput, message)
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

fn row_group(
    file: &mut SerializedFileWriter<File>,
    columns: &mut [Buffer],
) -> Result<(), ParquetError> {
    let mut group = file.next_row_group()?;
    for buffer in columns {
        let Some(mut column) = group.next_column()? else { break };
        buffer.write(column.untyped())?;
        column.close()?;
        buffer.clear();
    }
    group.close()?;
    Ok(())
}

/// The values of a column in the row group to come.
#[derive(Debug)]
struct Buffer {
    data: Data,
    /// For a column whose values may be missing: 1 where one is there.
    present: Option<Vec<i16>>,
}

/// In the types of Parquet: unsigned numbers are signed ones with the same bits.
#[derive(Debug)]
enum Data {
    Bool(Vec<bool>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Double(Vec<f64>),
    Text(Vec<ByteArray>),
}

impl Buffer {
    fn new(column: &FileColumn) -> Self {
        let data = match column.kind {
            FileType::Bool => Data::Bool(Vec::new()),
            FileType::U8 | FileType::U32 => Data::Int32(Vec::new()),
            FileType::U64 | FileType::I64 => Data::Int64(Vec::new()),
            FileType::F64 => Data::Double(Vec::new()),
            FileType::Text => Data::Text(Vec::new()),
        };
        Self { data, present: column.nullable.then(Vec::new) }
    }

    /// Takes some rows of a chunk that fits; how many bytes of text that were.
    fn push(&mut self, chunk: &Chunk<'_>, from: usize, to: usize) -> usize {
        match (&mut self.data, chunk) {
            (Data::Bool(v), Chunk::Bool(c)) => v.extend_from_slice(&c[from..to]),
            (Data::Int32(v), Chunk::U8(c)) => v.extend(c[from..to].iter().map(|&n| i32::from(n))),
            (Data::Int32(v), Chunk::U32(c)) => {
                v.extend(c[from..to].iter().map(|&n| n.cast_signed()));
            }
            (Data::Int64(v), Chunk::U64(c)) => {
                v.extend(c[from..to].iter().map(|&n| n.cast_signed()));
            }
            (Data::Int64(v), Chunk::I64(c)) => v.extend_from_slice(&c[from..to]),
            (Data::Double(v), Chunk::F64(c)) => v.extend_from_slice(&c[from..to]),
            (Data::Text(v), Chunk::Text(c)) => {
                v.extend(c[from..to].iter().map(|&t| ByteArray::from(t)));
                return c[from..to].iter().map(|t| t.len()).sum();
            }
            _ => {}
        }
        0
    }

    /// The same for values that may be missing.
    fn push_optional(&mut self, values: &Values, from: usize, to: usize) -> usize {
        fn there<T>(values: &[Option<T>]) -> impl Iterator<Item = i16> {
            values.iter().map(|v| i16::from(v.is_some()))
        }
        let present = self.present.get_or_insert_default();
        match (&mut self.data, values) {
            (Data::Bool(v), Values::Bool(c)) => {
                present.extend(there(&c[from..to]));
                v.extend(c[from..to].iter().flatten());
            }
            (Data::Int64(v), Values::U64(c)) => {
                present.extend(there(&c[from..to]));
                v.extend(c[from..to].iter().flatten().map(|&n| n.cast_signed()));
            }
            (Data::Int64(v), Values::I64(c)) => {
                present.extend(there(&c[from..to]));
                v.extend(c[from..to].iter().flatten());
            }
            (Data::Double(v), Values::F64(c)) => {
                present.extend(there(&c[from..to]));
                v.extend(c[from..to].iter().flatten());
            }
            (Data::Text(v), Values::Text(c)) => {
                present.extend(there(&c[from..to]));
                v.extend(c[from..to].iter().flatten().map(|t| ByteArray::from(t.as_str())));
                return c[from..to].iter().flatten().map(String::len).sum();
            }
            _ => {}
        }
        0
    }

    fn write(&self, column: &mut ColumnWriter<'_>) -> Result<(), ParquetError> {
        let present = self.present.as_deref();
        match (column, &self.data) {
            (ColumnWriter::BoolColumnWriter(w), Data::Bool(v)) => w.write_batch(v, present, None),
            (ColumnWriter::Int32ColumnWriter(w), Data::Int32(v)) => w.write_batch(v, present, None),
            (ColumnWriter::Int64ColumnWriter(w), Data::Int64(v)) => w.write_batch(v, present, None),
            (ColumnWriter::DoubleColumnWriter(w), Data::Double(v)) => {
                w.write_batch(v, present, None)
            }
            (ColumnWriter::ByteArrayColumnWriter(w), Data::Text(v)) => {
                w.write_batch(v, present, None)
            }
            _ => Err(ParquetError::General("a column of another type".into())),
        }?;
        Ok(())
    }

    /// Keeps the memory for the next row group.
    fn clear(&mut self) {
        match &mut self.data {
            Data::Bool(v) => v.clear(),
            Data::Int32(v) => v.clear(),
            Data::Int64(v) => v.clear(),
            Data::Double(v) => v.clear(),
            Data::Text(v) => v.clear(),
        }
        if let Some(present) = &mut self.present {
            present.clear();
        }
    }
}
