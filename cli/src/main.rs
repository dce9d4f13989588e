//! The `nommer` command.
fn main() {}
