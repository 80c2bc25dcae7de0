//! x
pub mod channel;
pub mod dialogue;
pub mod lang;
