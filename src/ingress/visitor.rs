//! Who a visitor is, as far as it matters: an address to be limited by, the cookie we gave, and whether it is a person at all.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::http::{Extensions, HeaderMap, HeaderName, header::COOKIE, header::USER_AGENT};
use chrono::{DateTime, Utc};
use ipnet::IpNet;

use crate::{
    crypto::KeyRing,
    ids::TenantId,
    lead::attribution::{LIFE, Trail},
    ops::server::Peer,
    vendor::Rate,
};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PURPOSES: [HeaderName; 2] = [HeaderName::from_static("sec-purpose"), HeaderName::from_static("purpose")];

/// Parts of the names under which programs fetch a link: previews of messengers and networks, searchers, and tools.
const PROGRAMS: &[&str] = &[
    "bot",
    "crawl",
    "spider",
    "preview",
    "whatsapp/",
    "facebookexternalhit",
    "facebookcatalog",
    "meta-external",
    "vkshare",
    "viber",
    "skypeuripreview",
    "embedly",
    "pinterest/",
    "headless",
    "lighthouse",
    "curl/",
    "wget/",
    "python-",
    "go-http-client",
    "okhttp",
    "java/",
    "libwww",
    "axios/",
    "node-fetch",
    "monitor",
    "uptime",
    "scan",
];

/// The address a visitor comes from. A proxy that we know tells it by `X-Forwarded-For`, to which each proxy appends whom it heard: what
/// stands left of the first address that is no proxy of ours, anybody may have written. None if the server did not note who called.
pub(super) fn address(extensions: &Extensions, headers: &HeaderMap, proxies: &[IpNet]) -> Option<IpAddr> {
    let Peer(peer) = extensions.get::<Peer>().copied()?;
    let is_proxy = |address: IpAddr| proxies.iter().any(|network| network.contains(&address));
    let lines: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok()).collect();
    let mut hops = lines.iter().flat_map(|line| line.split(',')).rev().map(|hop| hop_address(hop.trim()));
    let mut address = peer.to_canonical();
    while is_proxy(address) {
        // What can't be read, nobody vouches for: then the proxy itself is all that is known.
        let Some(Some(heard)) = hops.next() else { break };
        address = heard.to_canonical();
    }
    Some(address)
}

/// Some proxies add the port.
fn hop_address(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|hop| hop.strip_suffix(']')).unwrap_or(hop);
    bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

/// What is limited is whoever has an address; of IPv6 that is a whole network of 64 bits.
fn whoever(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(long) => IpAddr::V6(Ipv6Addr::from_bits(long.to_bits() & !u128::from(u64::MAX))),
    }
}

/// The limits of one request: everybody's at this salon, and this visitor's. An address is personal and leaves the process only signed.
pub(super) fn limits(
    what: &str,
    tenant: TenantId,
    address: Option<IpAddr>,
    ring: &KeyRing,
    of_all: Rate,
    of_one: Rate,
) -> Vec<(String, Rate)> {
    let one = address.map(|address| {
        let name = ring.sign("visitor's address", whoever(address).to_string().as_bytes());
        (format!("{what}:{tenant}:{}", hex::encode(name.get(..16).unwrap_or(&name))), of_one)
    });
    std::iter::once((format!("{what}:{tenant}"), of_all)).chain(one).collect()
}

/// Whether a link is fetched by a program, or by a browser before anybody wants it.
pub(super) fn is_a_program(headers: &HeaderMap) -> bool {
    let ahead = PURPOSES
        .iter()
        .filter_map(|name| headers.get(name))
        .any(|purpose| purpose.to_str().is_ok_and(|purpose| purpose.contains("prefetch") || purpose.contains("prerender")));
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    ahead || agent.is_empty() || PROGRAMS.iter().any(|part| agent.contains(part))
}

fn cookie_name(slug: &str) -> String {
    format!("salon_touch_{slug}")
}

/// What the visitor's browser remembers of this salon.
pub(super) fn trail(headers: &HeaderMap, ring: &KeyRing, tenant: TenantId, slug: &str, now: DateTime<Utc>) -> Option<Trail> {
    let name = cookie_name(slug);
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(given, _)| *given == name).map(|(_, value)| value);
    values.find_map(|value| Trail::open(ring, tenant, value, now))
}

/// The cookie that remembers a trail, for another [`LIFE`]. Scripts can't read it.
pub(super) fn cookie(trail: &Trail, ring: &KeyRing, tenant: TenantId, slug: &str, https: bool) -> String {
    let secure = if https { "; Secure" } else { "" };
    let (name, value) = (cookie_name(slug), trail.seal(ring, tenant));
    format!("{name}={value}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{secure}", LIFE.num_seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: Option<&str>, forwarded: &[&str]) -> Option<String> {
        let (mut extensions, mut headers) = (Extensions::new(), HeaderMap::new());
        if let Some(peer) = peer {
            extensions.insert(Peer(peer.parse().unwrap()));
        }
        for line in forwarded {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        let proxies = ["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        address(&extensions, &headers, &proxies).map(|address| address.to_string())
    }

    #[test]
    fn only_our_proxies_are_believed() {
        for (peer, forwarded, expected) in [
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("127.0.0.1", &[], "127.0.0.1"),
            ("127.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
            ("127.0.0.1", &["6.6.6.6", "198.51.100.1, 10.1.2.3"], "198.51.100.1"),
            ("127.0.0.1", &["10.0.0.1"], "10.0.0.1"),
            ("127.0.0.1", &["6.6.6.6, unknown"], "127.0.0.1"),
            ("::ffff:127.0.0.1", &["198.51.100.1:443"], "198.51.100.1"),
            ("127.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("127.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
        ] {
            assert_eq!(seen(Some(peer), forwarded).as_deref(), Some(expected), "{peer} {forwarded:?}");
        }
        assert_eq!(seen(None, &["198.51.100.1"]), None);
    }

    #[test]
    fn a_network_of_ipv6_is_one_visitor() {
        let of = |text: &str| whoever(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("198.51.100.1"), "198.51.100.1");
    }

    #[test]
    fn programs_are_told_from_people() {
        let program = |name: &str, agent: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), agent.parse().unwrap());
            is_a_program(&headers)
        };
        for agent in [
            "TelegramBot (like TwitterBot)",
            "WhatsApp/2.23.20.0",
            "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
            "Mozilla/5.0 (compatible; vkShare; +http://vk.com/dev/Share)",
            "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
            "curl/8.5.0",
            "",
        ] {
            assert!(program("user-agent", agent), "{agent}");
        }
        for agent in [
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 331.0.0.0",
            "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/467.0]",
        ] {
            assert!(!program("user-agent", agent), "{agent}");
        }
        assert!(is_a_program(&HeaderMap::new()));
        assert!(program("sec-purpose", "prefetch;prerender"));
    }
}
