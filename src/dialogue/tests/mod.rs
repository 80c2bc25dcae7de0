//! The conversation as a whole; parts with a meaning of their own are tested beside their code.

mod budgets;
pub(crate) mod edge;
mod properties;
mod rendering;
mod stories;
mod world;
