//! The census as a table.

use std::collections::HashMap;

use probe::tables::census as t;
use probe::{Column, Table, Unit};

use super::tally::Counts;
use crate::walk::Survey;

/// The most rows. What is behind them is summed up in one.
const MOST_ROWS: usize = 100_000;

/// The table `census`: types of the same name are one row, those with most bytes first.
pub(crate) fn census_table(survey: &Survey, pid: u64) -> Table {
    let mut rows: Vec<(&str, Counts)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for found in &survey.types {
        let name = if rows.len() < MOST_ROWS { &*found.name } else { t::OTHERS };
        let place = *places.entry(name).or_insert_with(|| {
            rows.push((name, Counts::default()));
            rows.len() - 1
        });
        rows[place].1.add(&found.counts);
    }
    let level = |name: &str, unit, cell: fn(&Counts) -> u64| {
        Column::level(name, unit, rows.iter().map(|(_, counts)| Some(cell(counts))))
    };
    let columns = vec![
        Column::id_key(t::PID, rows.iter().map(|_| pid)),
        Column::text_key(t::TYPE, rows.iter().map(|(name, _)| *name)),
        level(t::OBJECTS, Unit::Count, |c| c.objects),
        level(t::BYTES_SHALLOW, Unit::Bytes, |c| c.shallow),
        level(t::BYTES_ALLOCATED, Unit::Bytes, |c| c.allocated),
        level(t::BYTES_BUFFERS, Unit::Bytes, |c| c.buffers),
        level(t::TRACKED, Unit::Count, |c| c.tracked),
        level(t::IMMORTAL, Unit::Count, |c| c.immortal),
    ];
    Table::new(t::TABLE, columns)
}
