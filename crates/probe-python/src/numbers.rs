//! Columns of numbers that are small but for a few.

use std::collections::HashMap;

/// Numbers in two bytes each, and those that are too large in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbers {
    short: Vec<u16>,
    /// By place.
    long: HashMap<u32, u32>,
}

impl Numbers {
    /// So many zeros.
    pub(crate) fn zeros(count: usize) -> Self {
        Self { short: vec![0; count], long: HashMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.short.len()
    }

    pub(crate) fn push(&mut self, number: u32) {
        self.short.push(0);
        self.set(self.short.len() - 1, number);
    }

    /// Adds zeros.
    pub(crate) fn extend(&mut self, count: usize) {
        self.short.resize(self.short.len() + count, 0);
    }

    /// Replaces a number; behind the last place nothing happens.
    pub(crate) fn set(&mut self, place: usize, number: u32) {
        let Some(short) = self.short.get_mut(place) else { return };
        *short = u16::try_from(number).unwrap_or(u16::MAX);
        if *short == u16::MAX {
            self.long.insert(place as u32, number);
        }
    }

    pub(crate) fn get(&self, place: usize) -> Option<u32> {
        match self.short.get(place) {
            Some(&u16::MAX) => self.long.get(&(place as u32)).copied(),
            number => number.copied().map(u32::from),
        }
    }

    /// Whether a number is there and is 0.
    pub(crate) fn is_zero(&self, place: usize) -> bool {
        self.short.get(place) == Some(&0)
    }

    pub(crate) fn append(&mut self, other: Self) {
        let before = self.short.len() as u32;
        self.long.extend(other.long.into_iter().map(|(place, number)| (before + place, number)));
        self.short.extend(other.short);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Large numbers are found like others.
    #[test]
    fn numbers_come_back() {
        let all = [0, 7, 65_534, 65_535, 1_000_000, u32::MAX];
        let mut numbers = Numbers::default();
        all.iter().for_each(|&number| numbers.push(number));
        numbers.append(numbers.clone());
        numbers.extend(1);
        numbers.set(12, 5);
        numbers.set(99, 5);
        let found: Vec<_> = (0..14).filter_map(|place| numbers.get(place)).collect();
        assert_eq!(found, [&all[..], &all[..], &[5]].concat());
        assert!(numbers.is_zero(6) && !numbers.is_zero(3) && !numbers.is_zero(13));
        assert_eq!(Numbers::zeros(2).get(1), Some(0));
    }
}
