//! What the stand-in keeps.

mod calendar;
mod setup;

pub(super) use self::{calendar::*, setup::*};
