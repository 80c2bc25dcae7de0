//! Tenants: salons, their mappings and their settings.

pub mod file;
