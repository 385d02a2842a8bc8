//! Columns as Parquet types, there and back.

use std::sync::Arc;

use parquet::basic::{Compression, Encoding, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::{ColumnDescriptor, ColumnPath, SchemaDescriptor, Type, TypePtr};
use probe::{Column, Error, ErrorKind, FileColumn, FileType, Result, Values};

/// The fastest of the ordinary levels: a process may be waiting while its tables are written.
const ZSTD_LEVEL: i32 = 1;
/// Rows of a page. More than the default: the columns are narrow.
const PAGE_ROWS: usize = 128 << 10;

/// The columns of a table, as they are written.
pub(super) fn columns_of(table: &probe::Table) -> Vec<FileColumn> {
    let column = |c: &Column| FileColumn {
        name: c.name.clone(),
        kind: match c.values {
            Values::Bool(_) => FileType::Bool,
            Values::U64(_) => FileType::U64,
            Values::I64(_) => FileType::I64,
            Values::F64(_) => FileType::F64,
            Values::Text(_) => FileType::Text,
        },
        unit: c.unit,
        role: c.role.clone(),
        // Whether one is missing or not: the tables of a fleet have one schema.
        nullable: true,
    };
    table.columns.iter().map(column).collect()
}

/// The Parquet schema of some columns.
pub(super) fn schema(columns: &[FileColumn]) -> Result<TypePtr, ParquetError> {
    let fields: Result<Vec<_>, _> = columns.iter().map(|c| field(c).map(Arc::new)).collect();
    let root = Type::group_type_builder("table").with_fields(fields?).build()?;
    Ok(Arc::new(root))
}

fn field(column: &FileColumn) -> Result<Type, ParquetError> {
    let (physical, logical) = types(column.kind);
    let repetition = if column.nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    Type::primitive_type_builder(&column.name, physical)
        .with_repetition(repetition)
        .with_logical_type(logical)
        .build()
}

fn types(kind: FileType) -> (Physical, Option<LogicalType>) {
    match kind {
        FileType::Bool => (Physical::BOOLEAN, None),
        FileType::U8 => (Physical::INT32, Some(LogicalType::integer(8, false))),
        FileType::U32 => (Physical::INT32, Some(LogicalType::integer(32, false))),
        FileType::U64 => (Physical::INT64, Some(LogicalType::integer(64, false))),
        FileType::I64 => (Physical::INT64, None),
        FileType::F64 => (Physical::DOUBLE, None),
        FileType::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    }
}

/// How the columns are packed, and what the file says of them.
pub(super) fn properties(
    table: &str,
    columns: &[FileColumn],
) -> Result<WriterProperties, ParquetError> {
    let text = serde_json::to_string(columns).map_err(|e| ParquetError::External(e.into()))?;
    let said = vec![
        KeyValue::new("memprobe.table".into(), table.to_owned()),
        KeyValue::new("memprobe.columns".into(), text),
    ];
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("memprobe ", env!("CARGO_PKG_VERSION")).into())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(8 << 10)
        .set_key_value_metadata(Some(said));
    for column in columns {
        // Ascending addresses and row numbers shrink to their differences.
        if matches!(column.kind, FileType::U32 | FileType::U64 | FileType::I64) {
            let path = ColumnPath::new(vec![column.name.clone()]);
            builder = builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
    }
    Ok(builder.build())
}

/// Whether a file holds these columns, and nothing else.
pub(super) fn check(schema: &SchemaDescriptor, columns: &[FileColumn]) -> Result<(), String> {
    if schema.num_columns() != columns.len() {
        return Err(format!("{} columns instead of {}", schema.num_columns(), columns.len()));
    }
    for (found, column) in schema.columns().iter().zip(columns) {
        check_column(found, column).map_err(|e| format!("column `{}`: {e}", column.name))?;
    }
    Ok(())
}

fn check_column(found: &ColumnDescriptor, column: &FileColumn) -> Result<(), String> {
    let path = found.path().parts();
    if path.len() != 1 || path[0] != column.name {
        return Err(format!("`{}` stands there", found.path().string().escape_debug()));
    }
    let (physical, logical) = types(column.kind);
    let signed = matches!(column.kind, FileType::I64);
    let same = found.logical_type_ref() == logical.as_ref()
        || signed && found.logical_type_ref() == Some(&LogicalType::integer(64, true));
    if found.physical_type() != physical || !same {
        return Err(format!("it is not of type {}", column.kind));
    }
    if found.max_def_level() != i16::from(column.nullable) || found.max_rep_level() != 0 {
        let said = if column.nullable { "may be missing" } else { "are never missing" };
        return Err(format!("it is not one whose values {said}"));
    }
    Ok(())
}

/// A failure of the Parquet library, as ours.
pub(super) fn error(error: ParquetError, message: impl Into<String>) -> Error {
    let message = message.into();
    match error {
        ParquetError::External(cause) => match cause.downcast::<std::io::Error>() {
            Ok(cause) => Error::io(*cause, message),
            Err(cause) => Error::new(ErrorKind::InvalidData, message).with_source(cause),
        },
        other => Error::new(ErrorKind::InvalidData, message).with_source(other),
    }
}
