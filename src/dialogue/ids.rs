//! The identifiers the conversation speaks of.

pub use crate::ids::{BookingId, ServiceId, StaffId};
