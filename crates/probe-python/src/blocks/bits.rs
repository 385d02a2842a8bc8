//! Sets of numbers in a bit each, that also say how many are in front of one.

/// Numbers that share a count of those in front of them.
pub(super) const CELL: usize = 256;

/// Marks of neighbouring numbers, and how many there are in front: what one lookup reads.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    words: [u64; 4],
    /// Marks in all cells in front.
    pub(super) before: u32,
    /// Marks in the words in front, within this cell.
    inside: [u8; 4],
}

impl Cell {
    /// An empty one behind so many marks.
    pub(super) fn behind(before: u32) -> Self {
        Self { before, ..Self::default() }
    }

    /// Marks a number that is behind all marked ones, or is the last of them.
    pub(super) fn mark(&mut self, bit: usize) {
        let (word, bit) = (bit / 64 % 4, bit % 64);
        if self.words[word] >> bit & 1 == 0 {
            self.words[word] |= 1 << bit;
            // Of 256 at the most 192 are in front of a word.
            self.inside[word + 1..].iter_mut().for_each(|count| *count += 1);
        }
    }

    pub(super) fn is_marked(&self, bit: usize) -> bool {
        self.words[bit / 64 % 4] >> (bit % 64) & 1 == 1
    }

    /// Marks in front of a number, in this and all cells in front.
    pub(super) fn rank(&self, bit: usize) -> u32 {
        let (word, bit) = (bit / 64 % 4, bit % 64);
        let below = self.words[word] & !(u64::MAX << bit);
        self.before + u32::from(self.inside[word]) + below.count_ones()
    }

    /// The last mark at a number or in front of it, within this cell.
    pub(super) fn last(&self, bit: usize) -> Option<usize> {
        let (word, bit) = (bit / 64 % 4, bit % 64);
        let up_to = self.words[word] & (u64::MAX >> (63 - bit));
        if up_to != 0 {
            return Some(word * 64 + 63 - up_to.leading_zeros() as usize);
        }
        let front = (0..word).rev().find(|&word| self.words[word] != 0)?;
        Some(front * 64 + 63 - self.words[front].leading_zeros() as usize)
    }

    /// The first mark at a number or behind it, within this cell.
    pub(super) fn next(&self, bit: usize) -> Option<usize> {
        let from = |word: usize| if word == bit / 64 { bit % 64 } else { 0 };
        (bit / 64..4).find_map(|word| {
            let left = self.words[word] & (u64::MAX << from(word));
            (left != 0).then(|| word * 64 + left.trailing_zeros() as usize)
        })
    }

    /// Marks in this and all cells in front.
    pub(super) fn after(&self) -> u32 {
        self.before + u32::from(self.inside[3]) + self.words[3].count_ones()
    }
}

/// A set that is filled in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits {
    cells: Vec<Cell>,
}

impl Bits {
    /// Adds a number that is not smaller than those that are there.
    pub(super) fn add(&mut self, number: usize) {
        while self.cells.len() <= number / CELL {
            self.cells.push(Cell::behind(self.len()));
        }
        if let Some(cell) = self.cells.last_mut() {
            cell.mark(number % CELL);
        }
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        self.cells.get(number / CELL).is_some_and(|cell| cell.is_marked(number % CELL))
    }

    /// How many there are below a number.
    pub(super) fn rank(&self, number: usize) -> u32 {
        self.cells.get(number / CELL).map_or_else(|| self.len(), |cell| cell.rank(number % CELL))
    }

    /// How many there are.
    pub(super) fn len(&self) -> u32 {
        self.cells.last().map_or(0, Cell::after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted() {
        let numbers = [0, 1, 63, 64, 255, 256, 300, 300, 1023, 5000];
        let mut bits = Bits::default();
        numbers.iter().for_each(|&number| bits.add(number));
        assert_eq!(bits.len(), 9);
        for number in 0..6000 {
            let below = (0..number).filter(|below| numbers.contains(below)).count();
            assert_eq!(bits.rank(number), below as u32, "{number}");
            assert_eq!(bits.contains(number), numbers.contains(&number), "{number}");
        }
        assert_eq!(Bits::default().rank(7), 0);
    }

    #[test]
    fn neighbours_in_a_cell() {
        let marks = [3, 64, 65, 200];
        let mut cell = Cell::behind(10);
        marks.iter().for_each(|&bit| cell.mark(bit));
        for bit in 0..CELL {
            assert_eq!(cell.last(bit), marks.into_iter().rev().find(|&mark| mark <= bit), "{bit}");
            assert_eq!(cell.next(bit), marks.into_iter().find(|&mark| mark >= bit), "{bit}");
        }
        assert_eq!(cell.after(), 14);
        let mut full = Cell::default();
        (0..CELL).for_each(|bit| full.mark(bit));
        assert_eq!((full.after(), full.rank(255)), (256, 255));
    }
}
