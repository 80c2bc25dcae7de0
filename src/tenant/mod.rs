//! Tenants: salons, their accounts and their settings. A salon is described by a [`file`], brought into the database by
//! [`apply`], and read from it as a [`directory`].

mod accounts;
pub mod apply;
mod connect;
mod connections;
mod credentials;
pub mod directory;
pub mod file;
pub mod sealed;
mod status;
mod store;
mod templates;
mod tokens;

pub use accounts::{
    ChannelAccount, WebhookKey, account_named, break_account, channel_account, channel_accounts, mend_account, webhooks,
};
pub use connect::{ConnectError, Connected, Connector, LastLook, Watched, last_look};
pub use connections::{
    CalendarConnection, CrmConnection, break_connection, calendar_account, crm_connection, crm_connections, mend_connection,
    switch_off,
};
pub use directory::{Catalogue, Chat, Endpoint, Service, Site, Staff, StaffService, Tenant};
pub use status::Status;
pub(crate) use store::audit;
pub use store::{
    TenantNumbers, id_by_slug, ids, is_site_of_some_tenant, load_catalogue, load_chats, load_site, load_tenant, resolve_endpoint,
    tenant_of_form,
};
pub use templates::{NoTemplate, Parameter, Purpose, Template, set_template_status, template_call};
pub use tokens::{Renewal, Renewer, store_hooks, store_tokens};
