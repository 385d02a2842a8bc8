//! Findings that an experiment has proved: what was thought to be garbage or kept for later came
//! back when it was asked for.

use diff::human;
use probe::{Certainty, Finding, FindingKind, Growth};

use crate::curve::GRAIN_BYTES;

/// Objects of a type that a collection took away.
#[derive(Clone, Debug, PartialEq)]
pub struct Collected {
    /// The type, as `module.qualname`.
    pub type_name: String,
    /// How many.
    pub objects: f64,
    /// Their bytes, as far as they are known.
    pub bytes: Option<f64>,
}

/// What a collection gave back, most first; `None` if that was nothing.
#[must_use]
pub fn cyclic_garbage(types: &[Collected], why_not_before: Option<&str>) -> Option<Finding> {
    let first = types.iter().find(|one| one.objects > 0.0)?;
    let objects: f64 = types.iter().map(|one| one.objects).sum();
    let bytes = types.iter().map(|one| one.bytes).sum::<Option<f64>>();
    let weight = bytes.map_or_else(String::new, |bytes| format!(", {}", human::bytes(bytes)));
    let named = types.iter().filter(|one| one.objects > 0.0).take(5);
    let named: Vec<String> =
        named.map(|one| format!("{} {}", human::count(one.objects), one.type_name)).collect();
    let mut evidence = vec![
        format!("a collection took away {} objects{weight}", human::count(objects)),
        named.join(", "),
    ];
    evidence.extend(why_not_before.map(str::to_owned));
    Some(Finding {
        growth: Growth { objects: Some(objects), bytes, ..Growth::default() },
        evidence,
        advice: "Break the cycles (weakref for the way back), or let the collector run: it is \
                 garbage that only it can take away."
            .into(),
        ..proved(FindingKind::CyclicGarbage, first.type_name.clone())
    })
}

/// What trimming gave back, bytes, beside what was expected of it; `None` if that was nothing to
/// speak of.
#[must_use]
pub fn allocator_held(given_back: f64, expected: Option<f64>) -> Option<Finding> {
    if given_back < GRAIN_BYTES {
        return None;
    }
    let beside = expected.map_or_else(String::new, |bytes| {
        format!(", of {} that were expected", human::bytes(bytes))
    });
    Some(Finding {
        growth: Growth { bytes: Some(given_back), ..Growth::default() },
        evidence: vec![format!("malloc_trim(0) gave back {}{beside}", human::bytes(given_back))],
        advice: "This memory was free: it was no leak. Call malloc_trim(0) after peaks \
                 (ctypes.CDLL(None).malloc_trim(0)), or start the program with MALLOC_ARENA_MAX=2 \
                 if many threads allocate."
            .into(),
        ..proved(FindingKind::AllocatorHeld, "glibc malloc: free memory in its arenas".into())
    })
}

fn proved(kind: FindingKind, subject: String) -> Finding {
    Finding {
        id: format!("{}-1", kind.name()),
        kind,
        subject,
        place: None,
        growth: Growth::default(),
        share: None,
        holders: Vec::new(),
        certainty: Certainty::Proved,
        evidence: Vec::new(),
        advice: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_back_is_proved() {
        let one =
            |name: &str, objects: f64, bytes| Collected { type_name: name.into(), objects, bytes };
        let types =
            [one("app.Node", 300.0, Some(4096.0)), one("builtins.dict", 12.0, Some(1024.0))];
        let finding = cyclic_garbage(&types, Some("the collector is off")).expect("a finding");
        assert_eq!(finding.certainty, Certainty::Proved);
        assert_eq!((&*finding.subject, &*finding.id), ("app.Node", "cyclic-garbage-1"));
        assert_eq!((finding.growth.objects, finding.growth.bytes), (Some(312.0), Some(5120.0)));
        assert_eq!(finding.evidence[0], "a collection took away 312 objects, 5 KiB");
        let unknown = cyclic_garbage(&[one("app.Node", 3.0, None)], None).expect("a finding");
        assert_eq!(unknown.growth.bytes, None);
        assert_eq!(cyclic_garbage(&[one("app.Node", 0.0, None)], None), None);

        let held = allocator_held(8e6, Some(9e6)).expect("a finding");
        assert_eq!(held.certainty, Certainty::Proved);
        assert!(held.evidence[0].contains("7.63 MiB, of 8.58 MiB"), "{:?}", held.evidence);
        assert_eq!(allocator_held(4096.0, None), None);
    }
}
