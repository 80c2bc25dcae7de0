//! People: who they are on each channel, what they told us, and whether they can be reached.

mod store;

pub use store::{Client, Contact};
