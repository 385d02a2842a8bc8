//! Who holds what, from the columns of ways: without the graph, and however big it is.
//!
//! A chain takes a few parts of the tables for each of its steps, a type the table of shapes. Rows are
//! held against each other: the last step of an object's shape has the object's type.

use std::collections::BTreeMap;
use std::sync::Arc;

use heap::{HeldSum, How, Step};
use probe::Result;

use super::read::{has_graph, invalid};
use super::rows::{Cells, Rows};
use super::ways::{OTHER, Shapes, UNREACHED};
use super::{OWN_NAME, TEXT, VALUES, WAYS, how_word};
use crate::folder::Capture;

/// Steps of a chain that are told one by one, counted from the object.
const MOST_STEPS: usize = 64;

/// What a capture tells about holders without its graph.
#[derive(Debug)]
pub struct Lookup {
    objects: Rows,
    address: Cells<u64>,
    size: Cells<u64>,
    type_id: Cells<u32>,
    ways: Rows,
    parent: Cells<u32>,
    place: Cells<u32>,
    shape: Cells<u32>,
    held: Cells<u64>,
    names: Rows,
    values: Option<Rows>,
    shapes: Shapes,
    types: Vec<Arc<str>>,
    sums: Vec<HeldSum>,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The full name of its type.
    pub type_name: Arc<str>,
    /// What it is called itself: a module, a class.
    pub name: Option<String>,
    /// What it says, in short, if it is a text or a number and contents were captured.
    pub value: Option<String>,
    /// It alone, and what it holds.
    pub sum: HeldSum,
    /// The shape of its way; no steps if no root reaches it.
    pub way: Vec<Step>,
    /// Its way with its places told apart. Of a long one the middle is left out.
    pub chain: Vec<Step>,
}

/// Objects of some types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfType {
    /// All of them.
    pub sum: HeldSum,
    /// By the way in which they are held, most first; without steps what no root reaches.
    pub ways: Vec<(Vec<Step>, HeldSum)>,
}

impl Lookup {
    /// Opens the tables. `None` for a capture without ways: its graph has them.
    ///
    /// # Errors
    /// When a table is not what the manifest says, or they do not fit each other.
    pub fn open(capture: &Capture) -> Result<Option<Self>> {
        if !has_graph(capture) || WAYS.iter().any(|table| capture.entry(table).is_err()) {
            return Ok(None);
        }
        let lookup = Self {
            objects: Rows::open(capture, "objects")?,
            address: Cells::new("address"),
            size: Cells::new("size"),
            type_id: Cells::new("type"),
            ways: Rows::open(capture, "held")?,
            parent: Cells::new("parent"),
            place: Cells::new("place"),
            shape: Cells::new("shape"),
            held: Cells::new("held"),
            names: Rows::open(capture, "names")?,
            values: capture
                .entry(VALUES)
                .is_ok()
                .then(|| Rows::open(capture, VALUES))
                .transpose()?,
            shapes: Shapes::open(capture)?,
            types: types(capture)?,
            sums: sums(capture)?,
        };
        let (objects, ways) = (lookup.objects.len(), lookup.ways.len());
        if objects != ways || lookup.types.len() != lookup.sums.len() {
            return Err(invalid(format!("{objects} objects, and the ways of {ways}")));
        }
        Ok(Some(lookup))
    }

    /// The full names of all types.
    #[must_use]
    pub fn type_names(&self) -> &[Arc<str>] {
        &self.types
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.objects.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The objects of all types of these names, and at most `limit` ways; `None` when some of
    /// their ways are not told apart.
    ///
    /// # Errors
    /// When the tables are damaged.
    pub fn of_types(&mut self, is: impl Fn(&str) -> bool, limit: usize) -> Result<Option<OfType>> {
        let wanted: Vec<bool> = self.types.iter().map(|name| is(name)).collect();
        let mut sum = HeldSum::default();
        for (one, _) in self.sums.iter().zip(&wanted).filter(|(_, wanted)| **wanted) {
            add(&mut sum, *one);
        }
        let shapes = self.shapes.of_types(|id| wanted.get(id as usize) == Some(&true))?;
        let mut rest = HeldSum { held: 0, ..sum };
        for (_, one) in &shapes {
            let less = |all: u64, part: u64| {
                all.checked_sub(part)
                    .ok_or_else(|| invalid("shapes of more objects than there are"))
            };
            rest.objects = less(rest.objects, one.objects)?;
            rest.bytes = less(rest.bytes, one.bytes)?;
        }
        if rest.objects > 0 && self.shapes.others()? > 0 {
            return Ok(None);
        }
        let mut ways = self.paths(shapes, limit)?;
        if rest.objects > 0 {
            ways.push((Vec::new(), HeldSum { held: rest.bytes, ..rest }));
            sort(&mut ways);
        }
        Ok(Some(OfType { sum, ways }))
    }

    /// The steps of the shapes that hold most; equal ones once.
    fn paths(
        &mut self,
        mut shapes: Vec<(u32, HeldSum)>,
        limit: usize,
    ) -> Result<Vec<(Vec<Step>, HeldSum)>> {
        shapes.sort_by_key(|&(shape, sum)| (std::cmp::Reverse((sum.held, sum.objects)), shape));
        let mut ways: BTreeMap<Vec<Step>, HeldSum> = BTreeMap::new();
        for (shape, sum) in shapes.into_iter().take(limit) {
            add(ways.entry(self.shapes.path(shape, &self.types)?).or_default(), sum);
        }
        let mut ways: Vec<_> = ways.into_iter().collect();
        sort(&mut ways);
        Ok(ways)
    }

    /// The object at exactly this address. The inner `None` when its way is not told apart from
    /// others.
    ///
    /// # Errors
    /// When the tables are damaged.
    pub fn object(&mut self, address: u64) -> Result<Option<Option<Found>>> {
        let Some(row) = self.row(address)? else { return Ok(None) };
        let shape = self.shape.get(&self.ways, row)?;
        if shape == OTHER {
            return Ok(Some(None));
        }
        let Some(chain) = self.chain(row)? else { return Ok(Some(None)) };
        let bytes = self.size.get(&self.objects, row)?;
        let more = self.held.get(&self.ways, row)?;
        let type_id = self.type_id.get(&self.objects, row)?;
        let type_name = self.types.get(type_id as usize).cloned();
        Ok(Some(Some(Found {
            type_name: type_name.ok_or_else(|| invalid(format!("an object of type {type_id}")))?,
            name: self.name(row, OWN_NAME)?,
            value: self.value(row)?,
            sum: HeldSum { objects: 1, bytes, held: bytes.saturating_add(more) },
            way: self.shapes.path(shape, &self.types)?,
            chain,
        })))
    }

    fn row(&mut self, address: u64) -> Result<Option<u32>> {
        let Some(part) = self.objects.table.part_with("address", address)? else {
            return Ok(None);
        };
        let found = self.address.part(&self.objects, part)?.binary_search(&address);
        let row = found.ok().map(|at| self.objects.start(part).saturating_add(at as u64));
        Ok(row.and_then(|row| u32::try_from(row).ok()))
    }

    /// The steps from a root, each object's from its own row and its shape.
    fn chain(&mut self, row: u32) -> Result<Option<Vec<Step>>> {
        let (mut steps, mut at) = (Vec::new(), row);
        loop {
            let shape = self.shape.get(&self.ways, at)?;
            match shape {
                OTHER => return Ok(None),
                UNREACHED if steps.is_empty() => return Ok(Some(steps)),
                UNREACHED => return Err(invalid("a way leads through what no root reaches")),
                _ => {}
            }
            if steps.len() >= MOST_STEPS {
                let mut start = self.shapes.path(shape, &self.types)?;
                start.push(Step { kind: "...".into(), name: "...".into(), type_name: "".into() });
                steps.reverse();
                start.append(&mut steps);
                return Ok(Some(start));
            }
            steps.push(self.step(at, shape)?);
            let before = self.parent.get(&self.ways, at)?;
            if before == at {
                steps.reverse();
                return Ok(Some(steps));
            }
            at = before;
        }
    }

    fn step(&mut self, row: u32, shape: u32) -> Result<Step> {
        let last = self.shapes.last(shape)?;
        let type_id = self.type_id.get(&self.objects, row)?;
        if last.type_id != type_id {
            let type_of = last.type_id;
            return Err(invalid(format!("object {row} of type {type_id} on a way to {type_of}")));
        }
        let mut step = last.step(&self.types)?;
        let place = self.place.get(&self.ways, row)?.checked_sub(1);
        let is_value = &*step.kind == how_word(How::Value);
        match place {
            Some(key) if is_value => {
                let text = self.name(key, TEXT)?;
                step.name = text.map_or(step.name, |text| format!("['{text}']").into());
            }
            Some(place) => step.name = format!("[{place}]").into(),
            None => {}
        }
        Ok(step)
    }

    fn value(&self, row: u32) -> Result<Option<String>> {
        let Some(Rows { table, .. }) = &self.values else { return Ok(None) };
        let Some(part) = table.part_with("object", row.into())? else { return Ok(None) };
        let found = table.part::<u32>("object", part)?.binary_search(&row);
        let values: Vec<String> = table.part("value", part)?;
        let cut: Vec<bool> = table.part("cut", part)?;
        let shown = found.ok().and_then(|at| Some((values.get(at)?, cut.get(at)?)));
        Ok(shown.map(|(value, cut)| if *cut { format!("{value}...") } else { value.clone() }))
    }

    fn name(&self, row: u32, kind: &str) -> Result<Option<String>> {
        let table = &self.names.table;
        for part in 0..table.parts() {
            let objects: Vec<u32> = table.part("object", part)?;
            let of_it: Vec<usize> = (0..objects.len()).filter(|&at| objects[at] == row).collect();
            if of_it.is_empty() {
                continue;
            }
            let kinds: Vec<String> = table.part("kind", part)?;
            let names: Vec<String> = table.part("name", part)?;
            let own = of_it.into_iter().find(|&at| kinds.get(at).is_some_and(|k| k == kind));
            if let Some(name) = own.and_then(|at| names.get(at)) {
                return Ok(Some(name.clone()));
            }
        }
        Ok(None)
    }
}

fn sort(ways: &mut [(Vec<Step>, HeldSum)]) {
    ways.sort_by_key(|(_, sum)| std::cmp::Reverse((sum.held, sum.objects)));
}

fn add(sum: &mut HeldSum, more: HeldSum) {
    sum.objects = sum.objects.saturating_add(more.objects);
    sum.bytes = sum.bytes.saturating_add(more.bytes);
    sum.held = sum.held.saturating_add(more.held);
}

fn types(capture: &Capture) -> Result<Vec<Arc<str>>> {
    let names: Vec<String> = capture.columns(capture.entry("types")?)?.column("name")?;
    Ok(names.into_iter().map(Into::into).collect())
}

fn sums(capture: &Capture) -> Result<Vec<HeldSum>> {
    let table = capture.columns(capture.entry("type_sums")?)?;
    let objects: Vec<u64> = table.column("objects")?;
    let bytes: Vec<u64> = table.column("bytes")?;
    let sums = objects.into_iter().zip(bytes).zip(table.column::<u64>("held")?);
    Ok(sums.map(|((objects, bytes), held)| HeldSum { objects, bytes, held }).collect())
}
