//! Which variable of a program or library an address lies in, where files name them.

use target::images::{self, Mapping};

use crate::source::Source;

/// The most variables of all files together.
const MOST: usize = 1 << 21;

/// Variables with names, in order of address.
#[derive(Debug, Default)]
pub(crate) struct Variables {
    list: Vec<(u64, u64, String)>,
}

impl Variables {
    /// Of all files; one that cannot be read has none.
    pub(crate) fn new(source: &Source, mappings: &[Mapping]) -> Self {
        let mut list = Vec::new();
        for image in images::images(mappings) {
            let Ok(elf) = source.elf(&image) else { continue };
            let Ok(variables) = elf.variables() else { continue };
            for bias in image.load_biases(&elf) {
                let room = MOST.saturating_sub(list.len());
                list.extend(variables.iter().take(room).map(|variable| {
                    let [start, end] = [variable.range.start, variable.range.end];
                    (bias.saturating_add(start), bias.saturating_add(end), variable.name.clone())
                }));
            }
        }
        list.sort();
        Self { list }
    }

    /// Where the variable at an address begins, and its name.
    pub(crate) fn of(&self, address: u64) -> Option<(u64, &str)> {
        let after = self.list.partition_point(|&(start, ..)| start <= address);
        let (start, end, name) = self.list.get(after.checked_sub(1)?)?;
        (address < *end).then_some((*start, &**name))
    }

    /// Where the variable at an address begins; the address itself where none has a name.
    pub(crate) fn start(&self, address: u64) -> u64 {
        self.of(address).map_or(address, |(start, _)| start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_named() {
        let list = vec![(0x1000, 0x1010, "first".to_owned()), (0x1020, 0x2000, "table".to_owned())];
        let variables = Variables { list };
        assert_eq!(variables.of(0x1008), Some((0x1000, "first")));
        assert_eq!(variables.of(0x1ff8), Some((0x1020, "table")));
        for none in [0, 0xfff, 0x1010, 0x2000, u64::MAX] {
            assert_eq!(variables.of(none), None, "{none:#x}");
        }
    }
}
