//! Climbing a tree that grows at its leaves, in few steps however deep it is.

/// A tree of numbers, in which an ancestor is less than what is below it.
pub(crate) struct Climb {
    /// Where each number hangs: on its first ancestor at first.
    pub(crate) near: Vec<u32>,
    /// Steps that may still be taken one by one. A deep heap with many ways to its deep parts would
    /// need a square number of them.
    patience: usize,
    far: Option<Far>,
}

/// Of each number a second ancestor, so far up that any is reached in a logarithm of steps: the jump
/// pointers of Myers.
struct Far {
    depth: Vec<u32>,
    jump: Vec<u32>,
}

impl Climb {
    pub(crate) fn new(near: Vec<u32>) -> Self {
        let patience = near.len().saturating_mul(4);
        Self { near, patience, far: None }
    }

    /// Hangs a number on the last of its ancestors that is not above `limit`. Numbers come in
    /// ascending order, from 1.
    pub(crate) fn lift(&mut self, number: usize, limit: u32) {
        let mut at = self.near[number];
        while at > limit {
            at = match &self.far {
                Some(far) if far.jump[at as usize] > limit => far.jump[at as usize],
                _ => self.near[at as usize],
            };
            self.patience = self.patience.saturating_sub(1);
        }
        self.near[number] = at;
        match &mut self.far {
            Some(far) => far.add(number, at),
            None if self.patience == 0 => self.far = Some(Far::new(&self.near, number)),
            None => {}
        }
    }
}

impl Far {
    fn new(near: &[u32], last: usize) -> Self {
        let mut far = Self { depth: vec![0; near.len()], jump: vec![0; near.len()] };
        for (number, &above) in near.iter().enumerate().take(last + 1).skip(1) {
            far.add(number, above);
        }
        far
    }

    /// Two jumps of the same length become one of twice that and a step.
    fn add(&mut self, number: usize, above: u32) {
        let depth = |at: u32| self.depth[at as usize];
        let one = self.jump[above as usize];
        let two = self.jump[one as usize];
        let even = depth(above) - depth(one) == depth(one) - depth(two);
        self.jump[number] = if even { two } else { above };
        self.depth[number] = depth(above) + 1;
    }
}
