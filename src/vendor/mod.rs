//! What all vendors have in common: the HTTP client they are called through, and the classes their failures fall into.

mod failure;
mod guard;
mod http;
mod pacing;
#[cfg(test)]
pub(crate) mod stub;

pub use failure::{Class, Failure};
pub use guard::AddressGuard;
pub use http::{Http, HttpError, Reply, Request};
pub use pacing::{Pacer, Rate};
