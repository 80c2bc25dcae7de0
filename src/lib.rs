//! x
pub mod tenant;
