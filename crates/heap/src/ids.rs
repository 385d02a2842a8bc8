//! Numbers of things: an index by another name each, so that they are not mixed up.

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl $name {
            /// The same number, to index a column with.
            #[must_use]
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

ids! {
    /// An object: its place in the columns, ascending by address.
    ObjectId(u32);
    /// A type: its place in the table of types.
    TypeId(u32);
    /// A root: its place in the table of roots.
    RootId(u32);
    /// How an edge holds: a place in the table of labels, or a slot from [`crate::FIRST_SLOT`] on.
    Label(u8);
    /// An edge: its place in the columns of edges.
    EdgeId(usize);
}
