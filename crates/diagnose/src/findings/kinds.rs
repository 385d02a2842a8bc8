//! Types of objects that took part in a growth, and how they are named in the evidence.

use diff::human;

/// Types that are named in the evidence.
pub(super) const MOST_NAMED: usize = 4;

/// By how much the objects of a type grew.
pub(super) struct TypeGrowth {
    pub(super) name: String,
    pub(super) bytes: f64,
    pub(super) objects: f64,
}

/// Those that grew, most bytes first.
pub(super) fn ranked(types: impl IntoIterator<Item = TypeGrowth>) -> Vec<TypeGrowth> {
    let mut types: Vec<TypeGrowth> = types.into_iter().filter(|t| t.bytes > 0.0).collect();
    types.sort_by(|a, b| b.bytes.total_cmp(&a.bytes));
    types
}

/// The first of them, each as `5 MiB in 1000 app.Order`.
pub(super) fn named(types: &[TypeGrowth]) -> Vec<String> {
    let words = |t: &TypeGrowth| {
        let (bytes, objects) = (human::bytes(t.bytes), human::count(t.objects));
        format!("{bytes} in {objects} {}", t.name)
    };
    types.iter().take(MOST_NAMED).map(words).collect()
}
