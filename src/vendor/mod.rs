//! What all vendors have in common: the HTTP client they are called through, and the classes their failures fall into.

mod failure;
mod guard;
mod http;
mod pacing;
mod quote;
#[cfg(test)]
pub(crate) mod stub;
#[cfg(test)]
mod tls_tests;

pub use failure::{Class, Failure};
pub use guard::AddressGuard;
pub use http::{Http, HttpError, Reply, Request, Roots};
pub use pacing::{Pacer, Rate};
pub use quote::Quote;
