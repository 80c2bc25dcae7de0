//! Leads from the web: forms that visitors of a salon's site send, and the links by which they come to a chat.
//!
//! A number typed into a form is vouched for by nobody, so a form joins no client who is here already: see [`file`]. By which link a
//! client came is believed only where we signed it: see [`attribution`].

pub mod attribution;
mod code;
mod form;
mod store;
mod touch;

pub use code::TrackingCode;
pub use form::{Expected, Fields, Lead, Utm, is_referral};
pub use store::{EnquiryRecord, Filed, Filing, file};
pub use touch::{NewTouch, Origin, TouchRecord, note_touch};
