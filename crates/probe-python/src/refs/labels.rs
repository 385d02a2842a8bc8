//! How one object refers to another: the labels of edges.

use heap::{FIRST_SLOT, How, LabelInfo, Strength, UNNAMED_SLOT};

macro_rules! labels {
    ($($name:ident $how:ident $strength:ident $text:literal;)*) => {
        #[expect(non_camel_case_types, clippy::upper_case_acronyms, reason = "names of numbers")]
        #[allow(dead_code, reason = "only their order matters")]
        #[repr(u8)]
        enum Numbers { $($name),* }
        $(pub(crate) const $name: u8 = Numbers::$name as u8;)*
        const NAMED: &[(&str, How, Strength)] =
            &[$(($text, How::$how, Strength::$strength)),*];
    };
}

labels! {
    TYPE Type Strong "type";
    ITEM Item Strong "item";
    SET_ITEM SetItem Strong "item";
    KEY Key Strong "key";
    VALUE Value Strong "value";
    // The key of a value whose table of keys belongs to the type.
    SHARED_KEY Key Borrowed "key";
    FIELD Member Strong "field";
    DICT Namespace Strong "__dict__";
    CELL Cell Strong "cell_contents";
    LOCAL Local Strong "local";
    // The name of the variable whose value is the next edge.
    VARIABLE Key Borrowed "variable";
    STACK Local Strong "stack";
    // What stands on a stack of unknown depth.
    MAYBE_STACK Local Loose "stack";
    // What a stack refers to without owning it.
    BORROWED_STACK Local Borrowed "stack";
    CONSERVATIVE Conservative Loose "native memory";
    // A key in the table that instances share.
    TABLE_KEY Member Strong "shared key";
    // A key in the list that keeps the order of an `OrderedDict`.
    ORDER Member Strong "order";
    WEAK Weak Borrowed "weak reference";
    // A field that owns nothing.
    BORROWED Member Borrowed "field";
    CALLBACK Member Strong "__callback__";
    BASE Member Strong "__base__";
    BASES Member Strong "__bases__";
    MRO Member Strong "__mro__";
    TYPE_CACHE Member Strong "tp_cache";
    SUBCLASSES Member Strong "tp_subclasses";
    NAME Member Strong "__name__";
    QUALNAME Member Strong "__qualname__";
    SLOTS Member Strong "__slots__";
    MODULE Member Strong "__module__";
    STATE Member Strong "module state";
    F_BACK Member Strong "f_back";
    F_CODE Member Strong "f_code";
    F_FUNC Member Strong "f_func";
    F_BUILTINS Member Strong "f_builtins";
    F_GLOBALS Member Strong "f_globals";
    F_LOCALS Member Strong "f_locals";
    F_TRACE Member Strong "f_trace";
    // In 3.6: the exception that is being handled in a frame.
    HANDLED Member Strong "handled exception";
    FRAME Member Strong "frame";
    ARRAY_BASE Member Strong "base";
    ARRAY_TYPE Member Strong "dtype";
    CACHED Member Strong "co_cached";
}

/// Every label by number.
pub(crate) fn table() -> Vec<LabelInfo> {
    NAMED.iter().map(|&(name, how, strength)| LabelInfo::new(name, how, strength)).collect()
}

/// The label of a slot.
pub(crate) fn slot(number: usize) -> u8 {
    u8::try_from(number).ok().and_then(|n| FIRST_SLOT.checked_add(n)).unwrap_or(UNNAMED_SLOT)
}

/// What a label of a root's edge is called.
pub(crate) fn name(label: u8) -> Option<&'static str> {
    NAMED.get(usize::from(label)).map(|entry| entry.0)
}

/// Whether an edge of a label owns a reference.
pub(crate) fn strength(label: u8) -> Strength {
    NAMED.get(usize::from(label)).map_or(Strength::Strong, |entry| entry.2)
}
