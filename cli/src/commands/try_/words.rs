//! Words that are changed for a while: which there are, and who puts them back.

use std::time::Duration;

use experiment::{Anchor, Keeper, Restored, Size, Word};
use probe::tables::levers as t;
use probe::{Error, ErrorKind, Result, Snapshot, Table, Target};
use target::memory::LiveMemory;

use crate::guardian;

/// Longer than the change lasts by this, it is put back by who outlives memprobe.
const SLACK: Duration = Duration::from_secs(20);

/// The words of the main interpreter that experiments may write.
pub(super) struct Levers<'a> {
    table: &'a Table,
    rows: Vec<usize>,
    /// Interpreters beside the main one that have words of their own.
    pub(super) others: usize,
}

impl<'a> Levers<'a> {
    /// Those of an answer to the question `levers`.
    ///
    /// # Errors
    /// When the process has no interpreter whose words are known, or several runtimes.
    pub(super) fn of(snapshot: &'a Snapshot) -> Result<Self> {
        let table = snapshot.table(t::TABLE).ok_or_else(|| none(snapshot))?;
        let all = 0..table.rows();
        let number = |column, row| table.value(column, row).as_u64();
        let is_main = |row: &usize| number(t::INTERPRETER, *row) == Some(0);
        let (rows, others): (Vec<usize>, Vec<usize>) = all.partition(is_main);
        let mut runtimes: Vec<_> = rows.iter().map(|&row| number(t::RUNTIME, row)).collect();
        runtimes.dedup();
        match runtimes.len() {
            0 => return Err(none(snapshot)),
            1 => {}
            n => {
                let message = format!("the process has {n} Pythons: which of them is meant?");
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
        }
        let mut others: Vec<_> = others.iter().map(|&row| number(t::INTERPRETER, row)).collect();
        others.dedup();
        Ok(Self { table, rows, others: others.len() })
    }

    /// What a word holds.
    pub(super) fn value(&self, lever: &str) -> Option<u64> {
        self.table.value(t::VALUE, self.row(lever)?).as_u64()
    }

    /// A word that is to hold something else for a while.
    ///
    /// # Errors
    /// When there is no such word, or nobody can know later whether it is still there.
    pub(super) fn word(&self, lever: &str, during: u64) -> Result<Word> {
        let found = self.row(lever).and_then(|row| {
            let number = |column| self.table.value(column, row).as_u64();
            Some(Word {
                name: lever.into(),
                address: number(t::ADDRESS)?,
                size: Size::of(number(t::SIZE)?)?,
                before: number(t::VALUE)?,
                during,
                anchor: Anchor { address: number(t::ANCHOR)?, value: number(t::ANCHORED)? },
            })
        });
        found.ok_or_else(|| {
            let message = format!("where this Python keeps `{lever}` is not known");
            Error::new(ErrorKind::Unsupported, message)
        })
    }

    fn row(&self, lever: &str) -> Option<usize> {
        let is_it = |row: &usize| self.table.value(t::LEVER, *row).as_str() == Some(lever);
        self.rows.iter().copied().find(is_it)
    }
}

fn none(snapshot: &Snapshot) -> Error {
    let why = snapshot.issues.first().map_or("", |issue| &issue.message);
    let message = format!("the collector of process {} is not known", snapshot.target.pid);
    let error = Error::new(ErrorKind::Unsupported, message);
    if why.is_empty() { error } else { error.with_hint(why.to_owned()) }
}

/// Words that are changed now.
pub(in crate::commands) struct Changed {
    keeper: Keeper,
    words: Vec<Word>,
    memory: LiveMemory,
}

impl Changed {
    /// Keeps other experiments away from a process; nothing is changed yet. All will be as before
    /// after so long, whether memprobe lives or not.
    ///
    /// # Errors
    /// When another experiment runs on it, or its memory cannot be reached.
    pub(super) fn hold(target: &Target, at_most: Duration) -> Result<Self> {
        let keeper = guardian::keeper(target, at_most + SLACK)?;
        Ok(Self { keeper, words: Vec::new(), memory: LiveMemory::open(target)? })
    }

    /// Changes words.
    ///
    /// # Errors
    /// When one cannot be written.
    pub(super) fn set(&mut self, words: Vec<Word>) -> Result<()> {
        for word in words {
            self.keeper.set(word.clone())?;
            self.words.push(word);
        }
        Ok(())
    }

    /// The first word that does not hold any more what it was set to, and what it holds; `None`
    /// inside: its structure is gone, or cannot be read.
    pub(super) fn disturbed(&self) -> Option<(&Word, Option<u64>)> {
        self.words.iter().find_map(|word| {
            let now = word.now(&self.memory).ok().flatten();
            (now != Some(word.during)).then_some((word, now))
        })
    }

    /// Puts everything back. Other experiments are kept away until this value is gone.
    pub(super) fn restore(&mut self) -> Vec<Restored> {
        self.keeper.restore()
    }
}
