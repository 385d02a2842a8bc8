//! The interpreter's own hash tables (`Python/hashtable.c`), in which tracemalloc keeps traces.

use std::ops::Range;

use probe::Result;
use target::memory::ReadMemory;

/// How a version lays them out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// 3.7 and 3.8: keys and data of any size stand inside of an entry.
    Inline,
    /// 3.9 and up: an entry has a pointer to each.
    Pointers,
    /// 3.15 and up: the same, and names of files are no objects, but bytes that end in a zero.
    PlainNames,
}

/// The fewest buckets that a table has.
const FEWEST: u64 = 16;
/// The most that are believed.
const MOST: u64 = 1 << 36;
/// The longest chain of entries that is followed: a good hash has short ones.
const LONGEST_CHAIN: usize = 256;

/// The head of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hashtable {
    form: Form,
    pub(crate) entries: u64,
    buckets: u64,
    first: u64,
    /// Bytes of a key (12 where it has a domain, packed) and of the data behind it.
    key: u64,
    data: u64,
    /// Its functions that allocate and free: all tables of tracemalloc have the same.
    pub(crate) allocator: [u64; 2],
    /// Its functions that compare keys, drop a key and drop a value; the latter two only in the
    /// form with pointers, 0: nothing is done.
    functions: [u64; 3],
}

/// What a table is, as far as its head tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Inline: keys alone.
    Set,
    /// Inline: traces by address.
    Traces,
    /// Pointers: a set that owns its keys, as that of names.
    Names,
    /// Pointers: something that owns its values.
    Values,
    /// No table of tracemalloc.
    Other,
}

/// What a walk saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Walk {
    /// Entries.
    pub(crate) entries: u64,
    /// Chains that led nowhere: the table changed meanwhile.
    pub(crate) torn: u64,
}

impl Hashtable {
    /// The table at an address; `None` when there is none. `code`: where functions are.
    pub(crate) fn read<M: ReadMemory>(
        memory: &M,
        form: Form,
        address: u64,
        code: &[Range<u64>],
    ) -> Option<Self> {
        let mut bytes = [0; 80];
        let size = form.head() as usize;
        memory.read(address, &mut bytes[..size]).ok()?;
        let word = |index: usize| {
            bytes[index * 8..].first_chunk().map_or(0, |word| u64::from_ne_bytes(*word))
        };
        let (entries, buckets, functions) = match form {
            Form::Inline => (word(1), word(0), [word(5), word(6), word(7), word(8)]),
            Form::Pointers | Form::PlainNames => {
                (word(0), word(1), [word(4), word(5), word(8), word(9)])
            }
        };
        let (key, data) = match form {
            Form::Inline => (word(3), word(4)),
            Form::Pointers | Form::PlainNames => (8, 8),
        };
        let in_code = |function: &u64| code.iter().any(|range| range.contains(function));
        let sound = buckets.is_power_of_two()
            && (FEWEST..MOST).contains(&buckets)
            && entries / 64 <= buckets
            && word(2) != 0
            && word(2).is_multiple_of(8)
            && [8, 12].contains(&key)
            && [0, 8, 16].contains(&data)
            && functions.iter().all(in_code);
        let allocator = [functions[2], functions[3]];
        let functions = match form {
            Form::Inline => [functions[1], 0, 0],
            Form::Pointers | Form::PlainNames => [functions[1], word(6), word(7)],
        };
        let first = word(2);
        sound.then_some(Self { form, entries, buckets, first, key, data, allocator, functions })
    }

    /// Bytes of the table, its buckets and its entries, as the interpreter counts them.
    pub(crate) fn size(&self) -> u64 {
        let entry = match self.form {
            Form::Inline => 16 + self.key + self.data,
            Form::Pointers | Form::PlainNames => 32,
        };
        let parts =
            self.buckets.saturating_mul(8).saturating_add(self.entries.saturating_mul(entry));
        parts.saturating_add(self.form.head())
    }

    /// What it is, as far as its head tells.
    pub(crate) fn kind(&self) -> Kind {
        let [_, drops_key, drops_value] = self.functions.map(|function| function != 0);
        match (self.form, self.data, drops_key, drops_value) {
            (Form::Inline, 0, ..) if self.key == 8 => Kind::Set,
            (Form::Inline, 16, ..) => Kind::Traces,
            (Form::Inline, ..) => Kind::Other,
            (_, _, true, false) => Kind::Names,
            (_, _, false, true) => Kind::Values,
            _ => Kind::Other,
        }
    }

    /// Whether both compare keys in the same way.
    pub(crate) fn has_keys_of(&self, other: &Self) -> bool {
        self.functions[0] == other.functions[0]
    }

    /// Whether both drop what they own in the same way, keys or values.
    pub(crate) fn drops_like(&self, other: &Self) -> bool {
        let drops = |table: &Self| table.functions[1] | table.functions[2];
        drops(self) == drops(other)
    }

    /// Shows the place of each entry's value to `each`, at most `most` of them.
    ///
    /// # Errors
    /// When memory cannot be read at all.
    pub(crate) fn walk<M: ReadMemory>(
        &self,
        memory: &M,
        most: u64,
        mut each: impl FnMut(u64) -> Result<bool>,
    ) -> Result<Walk> {
        let (mut walk, mut chain) = (Walk::default(), Vec::new());
        for bucket in 0..self.buckets {
            let mut at = self.first.saturating_add(bucket * 8);
            chain.clear();
            loop {
                at = match memory.read_u64(at) {
                    Ok(next) => next,
                    Err(error) => {
                        lost(error, &mut walk)?;
                        break;
                    }
                };
                if at == 0 {
                    break;
                }
                // An entry that was moved meanwhile may lead back to itself.
                if !at.is_multiple_of(8) || chain.len() > LONGEST_CHAIN || chain.contains(&at) {
                    walk.torn += 1;
                    break;
                }
                chain.push(at);
                if walk.entries >= most {
                    walk.torn += 1;
                    return Ok(walk);
                }
                let value = at.saturating_add(16 + self.key);
                match each(value) {
                    Ok(true) => walk.entries += 1,
                    Ok(false) => walk.torn += 1,
                    Err(error) => lost(error, &mut walk)?,
                }
            }
        }
        Ok(walk)
    }

    /// Bytes from the key of an entry to its value.
    pub(crate) fn key_from_value(&self) -> u64 {
        self.key
    }

    /// Where the data of an entry are, given the place of its value.
    pub(crate) fn data<M: ReadMemory>(&self, memory: &M, value: u64) -> Result<u64> {
        match self.form {
            Form::Inline => Ok(value),
            Form::Pointers | Form::PlainNames => memory.read_u64(value),
        }
    }
}

/// Counts what cannot be read because the table changed; other errors end the walk.
fn lost(error: probe::Error, walk: &mut Walk) -> Result<()> {
    if error.kind() != probe::ErrorKind::InvalidData {
        return Err(error);
    }
    walk.torn += 1;
    Ok(())
}

impl Form {
    fn head(self) -> u64 {
        match self {
            Self::Inline => 72,
            Self::Pointers | Self::PlainNames => 80,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use target::memory::FakeMemory;

    use super::*;

    pub(crate) const CODE: Range<u64> = 0x100..0x200;

    /// Puts a table of 16 buckets at `address`; each entry in a bucket of its own, from
    /// `address + 0x200` on.
    pub(crate) fn put(memory: &mut FakeMemory, form: Form, address: u64, entries: &[[u64; 3]]) {
        let count = entries.len() as u64;
        let first = address + 0x100;
        let head = match form {
            Form::Inline => [16, count, first, 8, 16, 0x101, 0x102, 0x103, 0x104, 0],
            Form::Pointers | Form::PlainNames => {
                [count, 16, first, 0x101, 0x102, 0x103, 0, 0, 0x103, 0x104]
            }
        };
        for (index, word) in (0..).zip(head) {
            memory.put_u64(address + index * 8, word);
        }
        for (index, [key, size, traceback]) in (0..).zip(entries) {
            let at = address + 0x200 + index * 64;
            memory.put_u64(first + index * 8, at);
            memory.put_u64(at + 16, *key);
            let data = match form {
                Form::Inline => at + 24,
                Form::Pointers | Form::PlainNames => at + 40,
            };
            if form == Form::Pointers {
                memory.put_u64(at + 24, data);
            }
            memory.put_u64(data, *size);
            memory.put_u64(data + 8, *traceback);
        }
    }

    /// Sets the functions that compare, drop a key and drop a value.
    pub(crate) fn put_functions(memory: &mut FakeMemory, address: u64, functions: [u64; 3]) {
        for (index, function) in (0..).zip(functions) {
            memory.put_u64(address + 40 + index * 8, function);
        }
    }

    fn values(memory: &FakeMemory, form: Form) -> (Vec<u64>, Walk) {
        let table = Hashtable::read(memory, form, 0x1000, &[CODE]).unwrap();
        let mut all = Vec::new();
        let walk = table.walk(memory, 100, |value| {
            all.push(memory.read_u64(table.data(memory, value)?)?);
            Ok(true)
        });
        (all, walk.unwrap())
    }

    fn fake(form: Form) -> FakeMemory {
        let mut memory = FakeMemory::default();
        memory.add(0x1000, vec![0; 0x1000]);
        put(&mut memory, form, 0x1000, &[[1, 11, 0], [2, 22, 0], [3, 33, 0]]);
        memory
    }

    #[test]
    fn both_forms_are_walked() {
        for form in [Form::Inline, Form::Pointers] {
            let (all, walk) = values(&fake(form), form);
            assert_eq!(all, [11, 22, 33]);
            assert_eq!(walk, Walk { entries: 3, torn: 0 });
        }
    }

    /// A circle ends, and what leads nowhere is counted.
    #[test]
    fn lies_end() {
        for form in [Form::Inline, Form::Pointers] {
            let mut memory = fake(form);
            memory.put_u64(0x1200, 0x1240).put_u64(0x1240, 0x1200);
            assert_eq!(values(&memory, form).1, Walk { entries: 5, torn: 2 });
            for place in [7, 0xdead_0000, u64::MAX - 7] {
                let mut memory = fake(form);
                memory.put_u64(0x1240, place);
                let (_, walk) = values(&memory, form);
                assert_eq!((walk.torn, walk.entries >= 3), (1 + u64::from(place > 7), true));
            }
        }
    }

    #[test]
    fn what_is_no_table_is_refused() {
        for (at, value) in [(0x1008, 17), (0x1008, 8), (0x1010, 3), (0x1040, 0x999)] {
            let mut memory = fake(Form::Pointers);
            memory.put_u64(at, value);
            assert_eq!(Hashtable::read(&memory, Form::Pointers, 0x1000, &[CODE]), None);
        }
    }
}
