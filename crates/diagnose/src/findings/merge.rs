//! The same growth, seen by several probes, is told once.
//!
//! What says most about some bytes keeps them: who holds an object, or why nobody does; then its
//! type alone; then where memory lies. What is less telling keeps what is left.

use diff::human;
use probe::{Certainty, Finding};

use super::kinds::TypeGrowth;

/// Findings about objects that explain this share of the growth make those about plain memory
/// superfluous: where it lies is evidence for them.
pub(super) const EXPLAINED: f64 = 0.6;
/// What is left of a finding and explains less than this share is not said.
const LEAST_SHARE: f64 = 0.05;
/// From this share of the growth on a finding explains much.
const WORTH: f64 = 0.15;
/// What is not explained is said from this share on.
const WORTH_SAYING: f64 = 0.1;
/// An object that holds more native blocks than this, on the average, is their container.
const BLOCKS_EACH: f64 = 32.0;
/// Where no more than this share of a type's new objects is untold, their bytes are told too.
const UNTOLD: f64 = 0.2;

/// A finding, and the objects that it speaks of.
pub(super) struct Told {
    pub(super) finding: Finding,
    pub(super) types: Vec<TypeGrowth>,
}

/// A finding about where memory lies.
pub(super) struct Place {
    pub(super) finding: Finding,
    /// Whether it is no more than a place: what lies in it says more. Files, shared memory and
    /// processes are more.
    pub(super) is_plain: bool,
}

impl Told {
    pub(super) fn of_type(&self, name: &str) -> Option<&TypeGrowth> {
        self.types.iter().find(|growth| growth.name == name)
    }

    /// Adds memory that its objects of a type hold beside their own blocks.
    fn take_in(&mut self, name: &str, bytes: f64, growth: f64) {
        let finding = &mut self.finding;
        let all = finding.growth.bytes.unwrap_or(0.0) + bytes;
        finding.growth.bytes_per_s = finding.growth.bytes_per_s.map(|rate| {
            let before = (all - bytes).max(1.0);
            rate * all / before
        });
        finding.growth.bytes = Some(all);
        finding.share = finding.share.map(|share| (share + bytes / growth.max(1.0)).min(1.0));
        finding
            .evidence
            .push(format!("the {name} among them hold {} beside that", human::bytes(bytes)));
    }
}

/// By how much objects of a type grew, less what is told already: bytes, objects.
pub(super) fn left_of(told: &[Told], name: &str, bytes: f64, objects: f64) -> (f64, f64) {
    let known = told.iter().filter_map(|told| told.of_type(name));
    known.fold((bytes, objects), |left, known| (left.0 - known.bytes, left.1 - known.objects))
}

/// Gives what objects of a type hold beside what is told of them to the finding that tells of
/// nearly all of these objects. `left`: bytes and objects that are not told.
pub(super) fn take_in_rest(
    told: &mut [Told],
    name: &str,
    left: (f64, f64),
    objects: f64,
    growth: f64,
) -> bool {
    let is_told = objects > 0.0 && left.1 <= UNTOLD * objects;
    is_told && take_in(told, name, (left.0.max(0.0), 0.0, false), growth)
}

/// Gives native memory to the finding about the objects that hold it, if there is one. `each`:
/// whether every such object has as many blocks as before; then no number of them is too many.
pub(super) fn take_in(
    told: &mut [Told],
    name: &str,
    (bytes, blocks, each): (f64, f64, bool),
    growth: f64,
) -> bool {
    let objects = |told: &Told| told.of_type(name).map_or(0.0, |growth| growth.objects);
    let holds =
        |told: &&mut Told| objects(told) > 0.0 && (each || objects(told) * BLOCKS_EACH >= blocks);
    let most = told.iter_mut().filter(holds).max_by(|a, b| objects(a).total_cmp(&objects(b)));
    most.map(|told| told.take_in(name, bytes, growth)).is_some()
}

/// One list of findings about objects and native blocks, of what allocators hold, and of where
/// memory lies: shares that add up, certain ones first.
pub(super) fn merged(
    mut objects: Vec<Finding>,
    held: Vec<Finding>,
    places: Vec<Place>,
) -> Vec<Finding> {
    trim(&mut objects);
    let explained = sum(&objects);
    let mut rest = held;
    let free = (1.0 - explained).max(0.0);
    scale(&mut rest, free);
    let explained = explained + sum(&rest);
    rank(&mut objects);
    let (plain, known): (Vec<Place>, Vec<Place>) = places.into_iter().partition(|p| p.is_plain);
    let finding = |place: Place| place.finding;
    let mut plain: Vec<Finding> = plain.into_iter().map(finding).collect();
    if explained >= EXPLAINED
        && let Some(first) = objects.first_mut()
    {
        first.evidence.extend(plain.drain(..).filter_map(|place| lies_in(&place)));
    }
    leave_rest(&mut plain, explained);
    objects.append(&mut rest);
    objects.extend(known.into_iter().map(finding));
    rank(&mut objects);
    // What grows comes before where it lies, unless it explains little.
    if sum(&objects) >= WORTH {
        objects.append(&mut plain);
    } else {
        plain.append(&mut objects);
        objects = plain;
    }
    say_what_is_left(&mut objects);
    objects
}

/// Of those that explain much, certain ones first; then those that explain most.
fn rank(findings: &mut [Finding]) {
    let order = |finding: &Finding| match finding.certainty {
        _ if finding.share.is_some_and(|share| share < WORTH) => 3,
        Certainty::Proved => 0,
        Certainty::Likely => 1,
        Certainty::Possible => 2,
    };
    let bytes = |finding: &Finding| finding.growth.bytes.unwrap_or(0.0);
    findings.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| bytes(b).total_cmp(&bytes(a))));
}

fn share(finding: &Finding) -> f64 {
    finding.share.unwrap_or(0.0)
}

fn sum(findings: &[Finding]) -> f64 {
    findings.iter().map(share).sum()
}

/// Shares of more than the whole are shares of what they claim together: tables and the curve
/// are of moments that differ a little.
fn trim(findings: &mut [Finding]) {
    let all = sum(findings);
    if all > 1.0 {
        findings.iter_mut().for_each(|f| f.share = f.share.map(|share| share / all));
    }
}

/// No more than what is left for all of them.
fn scale(findings: &mut [Finding], left: f64) {
    let all = sum(findings);
    if all > left && all > 0.0 {
        findings.iter_mut().for_each(|f| f.share = f.share.map(|share| share * left / all));
    }
}

fn lies_in(place: &Finding) -> Option<String> {
    place.evidence.first().map(|grew| format!("where it lies: {grew}"))
}

/// Plain memory explains what nothing else does.
fn leave_rest(plain: &mut Vec<Finding>, explained: f64) {
    plain.sort_by(|a, b| share(b).total_cmp(&share(a)));
    let (all, left) = (sum(plain), (1.0 - explained).max(0.0));
    if explained <= 0.0 || all <= left {
        return;
    }
    for place in plain.iter_mut() {
        place.share = place.share.map(|share| share * left / all);
        place.evidence.push(format!(
            "other findings explain {} of the growth; the share of this one is of what is left",
            percent(explained)
        ));
    }
    plain.retain(|place| share(place) >= LEAST_SHARE);
}

fn percent(share: f64) -> String {
    human::percent((share * 100.0).round() / 100.0)
}

/// What no finding explains is said with the first.
fn say_what_is_left(findings: &mut [Finding]) {
    let explained = sum(findings).min(1.0);
    let left = 1.0 - explained;
    let known = findings.iter().any(|f| f.share.is_some());
    if known
        && left >= WORTH_SAYING
        && let Some(first) = findings.first_mut()
    {
        first.evidence.push(format!(
            "all findings together explain {} of the growth, {} is not explained",
            percent(explained),
            percent(left)
        ));
    }
}
