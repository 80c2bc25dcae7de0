//! Benchmarks of salon-core.

fn main() {}
