//! The types of the schema, under the names they have there. Nearly every field is nullable, as in erxes: one error must not null
//! a whole federated answer (erxes note, section 1.7).

mod booking;
mod client;
mod date;
mod enquiry;
mod entity;
mod letter;
mod message;
mod tenant;
mod text_enum;

pub use super::page::SalonPageInfo;
pub use booking::{SalonBooking, SalonBookingListResponse, SalonBookingOrigin, SalonBookingStatus};
pub use client::SalonClient;
pub use date::Date;
pub use enquiry::{SalonEnquiry, SalonEnquiryListResponse};
pub use entity::{Brand, Customer};
pub use letter::{
    SalonDeadLetter, SalonDeadLetterListResponse, SalonDeadLetterResolution, SalonDeadLettersFilter, SalonDeadLettersResponse,
};
pub use message::{SalonMessage, SalonMessageDirection, SalonMessageListResponse, SalonMessageState};
pub use tenant::{SalonAccountStatus, SalonChannelAccount, SalonTenant, SalonTenantListResponse};
