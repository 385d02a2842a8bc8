//! FILL
fn main() {}
