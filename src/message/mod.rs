//! The message log: each message in and out is a row, and the row is the truth about what was said and what became of it.

mod report;
mod store;

pub use report::{Logged, Progress};
pub use store::{NewOutgoing, Outcome, Outgoing};
