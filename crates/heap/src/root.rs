//! Where reachability begins.

use std::sync::Arc;

use crate::{ObjectId, RootId, Strength};

/// What a root is. The order is that of preference: what several roots reach is shown as held by
/// the first kind, which is the one that its reader knows best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RootKind {
    /// The modules that are loaded.
    SysModules,
    /// State of an interpreter.
    Interpreter,
    /// The built-in names.
    Builtins,
    /// A type in static data.
    StaticType,
    /// A frame that is running; names of its root edges are variables.
    Frame,
    /// A variable of a library or of the program.
    CGlobal,
    /// A thread's stack or registers.
    Stack,
    /// A native block that belongs to no object.
    NativeBlock,
    /// State of the runtime.
    Runtime,
    /// The table of interned strings.
    Interned,
}

impl RootKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::SysModules,
        Self::Interpreter,
        Self::Builtins,
        Self::StaticType,
        Self::Frame,
        Self::CGlobal,
        Self::Stack,
        Self::NativeBlock,
        Self::Runtime,
        Self::Interned,
    ];

    /// Whether its words are made to own what they point to. Stacks and native blocks are full of
    /// pointers that nobody has used for long.
    #[must_use]
    pub fn owns(self) -> bool {
        !matches!(self, Self::Stack | Self::NativeBlock)
    }

    /// Whether it is another name for what an interpreter's state owns.
    #[must_use]
    pub(crate) fn is_alias(self) -> bool {
        matches!(self, Self::SysModules | Self::Builtins)
    }

    /// The word for it, as in the `kind` of a step.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::SysModules => "modules",
            Self::Interpreter => "interpreter",
            Self::Builtins => "builtins",
            Self::StaticType => "static type",
            Self::Frame => "frame",
            Self::CGlobal => "C global",
            Self::Stack => "stack",
            Self::NativeBlock => "native block",
            Self::Runtime => "runtime",
            Self::Interned => "interned strings",
        }
    }
}

/// A root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootInfo {
    /// What it is.
    pub kind: RootKind,
    /// What it is called: function of a frame, `library!symbol`; the same in every look, so no
    /// address and no thread number.
    pub name: Arc<str>,
    /// What else is to say, such as file, line and thread; empty if nothing.
    pub detail: Arc<str>,
}

/// A reference from a root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootEdge {
    /// From which root.
    pub root: RootId,
    /// To which object.
    pub target: ObjectId,
    /// Whether it owns a reference.
    pub strength: Strength,
    /// Name of the variable or member.
    pub name: Option<Arc<str>>,
}
