//! A vendor's base URL is a tenant's setting, so a tenant could point it at our own network (server-side request forgery). Every
//! address, literal or resolved, is checked before a connection is opened to it.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Which addresses may be called.
#[derive(Debug, Clone, Copy)]
pub struct AddressGuard {
    /// Lets private and loopback addresses through: for development, and for vendors that are self-hosted in the same network.
    pub allow_private: bool,
}

/// All that a name leads to is refused.
#[derive(Debug, thiserror::Error)]
#[error("the name leads into a private network")]
pub(super) struct Inner;

/// Not publicly routable (IANA special-purpose registries), as far as a request could do harm there.
const INNER: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/3",
    // With an IPv4 address in them: compatible, translated (RFC 2765, 6052, 8215), 6to4 and Teredo.
    "::/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "2001::/32",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

impl AddressGuard {
    /// May a connection be opened to this address?
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allow_private || !INNER.iter().filter_map(|net| net.parse::<IpNet>().ok()).any(|net| net.contains(&address))
    }

    /// Why a URL may not be called, as far as it can be told without resolving its host.
    pub fn refuses(&self, url: &url::Url) -> Option<&'static str> {
        if !matches!(url.scheme(), "https" | "http") {
            return Some("only http and https addresses are called");
        }
        if url.scheme() == "http" && !self.allow_private {
            return Some("vendors are called over https only");
        }
        let literal = match url.host() {
            Some(url::Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(url::Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
            Some(url::Host::Domain(_)) => None,
            None => return Some("the address has no host"),
        };
        literal.filter(|ip| !self.permits(*ip)).map(|_| "the address lies in a private network")
    }
}

/// Resolves as the system does and drops every address the guard does not permit, so that a public name for an inner address does
/// not slip through.
impl Resolve for AddressGuard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = *self;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let is_named = !found.is_empty();
            let permitted: Vec<SocketAddr> = found.into_iter().filter(|address| guard.permits(address.ip())).collect();
            if permitted.is_empty() && is_named {
                return Err(Inner.into());
            }
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_addresses_are_refused_in_every_spelling() {
        let guard = AddressGuard { allow_private: false };
        for url in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest",
            "https://192.168.1.1/",
            "https://[fd00::1]/",
            "https://[::127.0.0.1]/",
            "https://[::ffff:0:127.0.0.1]/",
            "https://[2002:7f00:1::]/",
            "https://[64:ff9b:1::7f00:1]/",
            "https://[fec0::1]/",
            "http://example.com/",
            "ftp://example.com/",
        ] {
            assert!(guard.refuses(&url.parse().unwrap()).is_some(), "{url}");
        }
        assert_eq!(guard.refuses(&"https://api.telegram.org/".parse().unwrap()), None);
        assert!(guard.permits("149.154.167.220".parse().unwrap()));
        assert!(guard.permits("2001:67c:4e8:f004::9".parse().unwrap()));
    }
}
