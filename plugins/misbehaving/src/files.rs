//! What a probe can do wrong with the files that it writes itself.

use capture::folder::{Chunk, TableWriter};
use probe::{FileColumn, FileType, Request, Result, Role, Snapshot, TableFile, Unit};

use crate::probe::Mode;

/// The table of the files.
const TABLE: &str = "bulk";

/// Adds a file to the snapshot, in the way of the mode.
pub(crate) fn add(mode: Mode, request: &Request, snapshot: &mut Snapshot) -> Result<()> {
    let named = TableFile {
        table: TABLE.into(),
        file: format!("{TABLE}.parquet"),
        rows: 3,
        columns: vec![FileColumn::new("n", FileType::U64, Unit::None, Role::Key)],
    };
    let Some(folder) = &request.capture_dir else {
        if mode == Mode::FileUnasked {
            snapshot.files.push(named);
        }
        return Ok(());
    };
    let write = || {
        let mut writer = TableWriter::create(folder, TABLE, named.columns.clone())?;
        writer.write(&[Chunk::U64(&[1, 2, 3])])?;
        writer.finish()
    };
    snapshot.files.push(match mode {
        Mode::FileHonest => write()?,
        Mode::FileMissing => named,
        Mode::FileLies => TableFile { rows: 4, ..write()? },
        Mode::FileOutside => TableFile { file: "../bulk.parquet".into(), ..write()? },
        _ => return Ok(()),
    });
    Ok(())
}
