//! FILL
