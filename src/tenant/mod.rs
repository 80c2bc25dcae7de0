//! Tenants: salons, their accounts and their settings. A salon is described by a [`file`], brought into the database by
//! [`apply`], and read from it as a [`directory`].

mod accounts;
pub mod apply;
mod connect;
mod credentials;
pub mod directory;
pub mod file;
pub mod sealed;
mod store;
mod templates;
mod tokens;

pub use accounts::{
    CalendarConnection, ChannelAccount, CrmConnection, Status, WebhookKey, account_named, break_account, break_connection,
    calendar_account, channel_account, channel_accounts, crm_connection, crm_connections, mend_account, mend_connection,
    switch_off, webhooks,
};
pub use connect::{ConnectError, Connected, Connector, LastLook, Watched, last_look};
pub use directory::{Catalogue, Chat, Endpoint, Service, Site, Staff, StaffService, Tenant};
pub(crate) use store::audit;
pub use store::{
    TenantNumbers, id_by_slug, ids, is_site_of_some_tenant, load_catalogue, load_chats, load_site, load_tenant, resolve_endpoint,
    tenant_of_form,
};
pub use templates::{NoTemplate, Parameter, Purpose, Template, set_template_status, template_call};
pub use tokens::{begin_renewal, end_renewal, store_hooks, store_tokens};
