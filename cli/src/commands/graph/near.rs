//! Names that somebody may have meant.

/// Names that are offered, at most.
const MOST: usize = 5;
/// Longer names are not compared letter by letter.
const LONGEST: usize = 200;

/// The names that are most like `wanted`, in their last part or as a whole: the likest first.
pub(super) fn names<'a>(wanted: &str, all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let mut near: Vec<(usize, &str)> =
        all.filter_map(|name| Some((distance(&wanted, &name.to_lowercase())?, name))).collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(MOST).map(|(_, name)| name).collect()
}

/// How unlike they are; `None` if nobody would mean one by the other.
fn distance(wanted: &str, name: &str) -> Option<usize> {
    let last = |text: &str| text.rsplit('.').next().unwrap_or_default().to_owned();
    let steps = edits(&last(wanted), &last(name)).min(edits(wanted, name));
    let few = wanted.chars().count() / 3;
    if steps <= few.clamp(1, 3) {
        return Some(steps);
    }
    // Part of a name: behind those that are nearly the whole.
    (wanted.len() > 2 && name.contains(wanted)).then_some(10)
}

/// Letters that are put in, left out or changed to make one of the other.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(LONGEST).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().take(LONGEST).enumerate() {
        let mut before = row[0];
        row[0] = at + 1;
        for (place, &there) in other.iter().enumerate() {
            let changed = before + usize::from(there != letter);
            before = row[place + 1];
            row[place + 1] = changed.min(before + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_found() {
        let all = ["app.models.Node", "app.models.NodeList", "builtins.dict", "builtins.int"];
        let near = |wanted| names(wanted, all.into_iter());
        assert_eq!(near("Nodes"), ["app.models.Node"]);
        assert_eq!(near("node"), ["app.models.Node", "app.models.NodeList"]);
        assert_eq!(near("app.modles.Node"), ["app.models.Node"]);
        assert_eq!(near("dct"), ["builtins.dict"]);
        assert_eq!(near("Session"), Vec::<&str>::new());
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!((edits("", "abc"), edits("abc", "")), (3, 3));
    }
}
