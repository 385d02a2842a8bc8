//! What an edge is: how it holds, and whether it owns a reference.

use std::borrow::Cow;

/// The first label of attribute slots: label `FIRST_SLOT + k` is the k-th slot of its type.
pub const FIRST_SLOT: u8 = 64;

/// The label of slots that are too far for a label of their own.
pub const UNNAMED_SLOT: u8 = u8::MAX;

/// In which way an object refers to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum How {
    /// To its type.
    Type,
    /// An attribute that is stored in the instance itself.
    Attribute,
    /// An item of a sequence; the k-th item edge of an object has index k.
    Item,
    /// A member of a set.
    SetItem,
    /// A key of a mapping; its value follows at once.
    Key,
    /// A value of a mapping; the edge before is its key, if the key is an object of the graph.
    Value,
    /// A member of the object's structure; the label's name is the member's.
    Member,
    /// A member that leads to a mapping from names in code to values (of a module, a class, an
    /// instance): its keys are worth telling apart, those of other mappings are not.
    Namespace,
    /// A variable of a closure.
    Cell,
    /// A variable of a frame.
    Local,
    /// A word that looks like a reference, in an object whose layout is unknown.
    Conservative,
    /// A weak reference.
    Weak,
}

impl How {
    /// Every way.
    pub const ALL: [Self; 12] = [
        Self::Type,
        Self::Attribute,
        Self::Item,
        Self::SetItem,
        Self::Key,
        Self::Value,
        Self::Member,
        Self::Namespace,
        Self::Cell,
        Self::Local,
        Self::Conservative,
        Self::Weak,
    ];

    /// The word for it, as in the `kind` of a step.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Attribute => "attribute",
            Self::Item => "item",
            Self::SetItem => "set item",
            Self::Key => "key",
            Self::Value => "value",
            Self::Member | Self::Namespace => "member",
            Self::Cell => "closure variable",
            Self::Local => "local",
            Self::Conservative => "unknown word",
            Self::Weak => "weak reference",
        }
    }
}

/// Whether an edge owns a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    /// It owns one reference.
    Strong,
    /// It may or may not own one: found without knowing the layout.
    Loose,
    /// It owns none: weak references, caches.
    Borrowed,
}

impl Strength {
    /// Every strength.
    pub const ALL: [Self; 3] = [Self::Strong, Self::Loose, Self::Borrowed];

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Strong => "strong",
            Self::Loose => "loose",
            Self::Borrowed => "borrowed",
        }
    }
}

/// What a label means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelInfo {
    /// Name of the member, the variable or the way.
    pub name: Cow<'static, str>,
    /// In which way it refers.
    pub how: How,
    /// Whether it owns a reference.
    pub strength: Strength,
}

impl LabelInfo {
    /// A label.
    pub fn new(name: impl Into<Cow<'static, str>>, how: How, strength: Strength) -> Self {
        Self { name: name.into(), how, strength }
    }
}
