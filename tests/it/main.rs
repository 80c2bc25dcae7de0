//! Tests that need PostgreSQL and Redis. [`harness`] tells how to write one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on fails here and now")]
#![allow(clippy::disallowed_methods, reason = "tests look at the tables behind the stores")]

mod chain;
mod chaos;
mod commands;
mod graphql;
mod harness;
mod hook;
mod ingress;
mod instagram;
mod isolation;
mod max;
mod ops;
mod queue;
mod tenant_apply;
mod vk;
mod whatsapp;
