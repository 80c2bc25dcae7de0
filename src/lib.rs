//! Joins salons' messengers, cal.com and CRM: webhooks in, bookings and reminders out, for many salons at once.

pub mod lang;
pub mod schedule;
