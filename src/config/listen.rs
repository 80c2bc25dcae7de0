//! Addresses: the ones we listen on, and the one the world knows us by.

use std::net::SocketAddr;

use ipnet::IpNet;
use url::Url;

use super::{
    environment::Environment,
    reader::Reader,
    settings::{
        SALON_GRAPHQL_ADDR, SALON_INGRESS_ADDR, SALON_OPS_ADDR, SALON_PUBLIC_URL, SALON_TRUSTED_PROXIES, SALON_WORKERS_OPS_ADDR,
    },
};

/// Addresses.
#[derive(Debug, Clone)]
pub struct Listen {
    /// The subgraph: the address registered with erxes.
    pub graphql: SocketAddr,
    /// Webhooks and REST.
    pub ingress: SocketAddr,
    /// Health and metrics of the web process.
    pub ops: SocketAddr,
    /// Health and metrics of the workers.
    pub workers_ops: SocketAddr,
    /// What vendors reach the ingress at, without a trailing slash in its path.
    pub public_url: Url,
    /// The proxies before the ingress, whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
}

impl Listen {
    pub(super) fn read(from: &mut Reader<'_>, environment: Environment) -> Option<Self> {
        let address = |text: &str| text.parse().ok();
        let graphql = from.required(&SALON_GRAPHQL_ADDR, address);
        let ingress = from.required(&SALON_INGRESS_ADDR, address);
        let ops = from.required(&SALON_OPS_ADDR, address);
        let workers_ops = from.required(&SALON_WORKERS_OPS_ADDR, address);
        let public_url = from.required(&SALON_PUBLIC_URL, |text| public(text, environment));
        let proxies = from.required(&SALON_TRUSTED_PROXIES, networks);
        Some(Self {
            graphql: graphql?,
            ingress: ingress?,
            ops: ops?,
            workers_ops: workers_ops?,
            public_url: public_url?,
            trusted_proxies: proxies?,
        })
    }
}

fn networks(text: &str) -> Option<Vec<IpNet>> {
    text.split(',').map(|network| network.trim().parse().ok()).collect()
}

/// Bot API, `setWebhook`: "HTTPS URL to send updates to". Stand-ins take http.
fn public(text: &str, environment: Environment) -> Option<Url> {
    let mut url: Url = text.parse().ok()?;
    let scheme_fits = url.scheme() == "https" || (url.scheme() == "http" && environment.is_development());
    let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    if !(scheme_fits && bare && url.has_host()) {
        return None;
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Some(url)
}
