//! Trees as columns: of each vertex the first one below it and the next one beside it.

/// There is none.
pub(crate) const NONE: u32 = u32::MAX;

/// Visits all of a tree, each vertex on the way down (`true`) and on the way up; without recursion,
/// since a linked list is as deep as it is long.
pub(crate) fn walk(
    top: u32,
    first: &[u32],
    next: &[u32],
    up: &[u32],
    mut visit: impl FnMut(u32, bool),
) {
    let mut at = top;
    visit(at, true);
    loop {
        let below = first[at as usize];
        if below != NONE {
            at = below;
            visit(at, true);
            continue;
        }
        // Up, until there is a way beside.
        loop {
            visit(at, false);
            if at == top {
                return;
            }
            let beside = next[at as usize];
            if beside != NONE {
                at = beside;
                visit(at, true);
                break;
            }
            at = up[at as usize];
        }
    }
}
