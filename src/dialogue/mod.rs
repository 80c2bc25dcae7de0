//! The booking dialogue.
pub mod render;
