//! The message log: each message in and out is a row, and the row is the truth about what was said and what became of it.

mod hop;
mod report;
mod store;

pub use hop::Way;
pub use report::{Logged, Progress};
pub use store::{Hop, NewOutgoing, Outcome, Outgoing};
