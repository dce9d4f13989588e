//! Which hosts a stranger's address may lead to. Pure: whoever connects resolves the name, asks here, and connects to what was vetted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use url::{Host, Url};

use crate::settings::Settings;

/// What may be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkRules {
    /// Whether addresses in private networks may be reached, this machine included.
    pub allow_private_network: bool,
    /// Whether `http` without TLS is refused.
    pub require_https: bool,
    /// Addresses that may be reached whatever they are: the demo's own receiver.
    pub extra_allowed: Vec<SocketAddr>,
}

impl From<&Settings> for NetworkRules {
    fn from(settings: &Settings) -> Self {
        Self {
            allow_private_network: settings.network.allow_private_network,
            require_https: settings.storage.require_https,
            extra_allowed: Vec::new(),
        }
    }
}

/// Why an address may not be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Neither http nor https, or http where only https is allowed.
    #[error("the scheme {0:?} is not allowed here")]
    Scheme(String),
    /// A port that other services use.
    #[error("port {0} is not allowed: use 80, 443 or one from 1024 on")]
    Port(u16),
    /// No host at all.
    #[error("the address names no host")]
    NoHost,
    /// A name that is of no use outside one's own network, or of none at all.
    #[error(
        "the host {0:?} is not a public name; to allow private networks, set network.allow_private_network"
    )]
    LocalName(String),
    /// An address that is not of the public internet.
    #[error(
        "{0} is not a public address; to allow private networks, set network.allow_private_network"
    )]
    NotGlobal(IpAddr),
}

/// Vets everything that can be told without resolving the name.
pub fn vet_url(url: &Url, rules: &NetworkRules) -> Result<(), Refused> {
    let allowed = match url.scheme() {
        "https" => true,
        "http" => !rules.require_https,
        _ => false,
    };
    if !allowed {
        return Err(Refused::Scheme(url.scheme().to_owned()));
    }
    let port = url.port_or_known_default().ok_or(Refused::Port(0))?;
    if port != 80 && port != 443 && port < 1024 {
        return Err(Refused::Port(port));
    }
    let literal: IpAddr = match url.host().ok_or(Refused::NoHost)? {
        Host::Ipv4(address) => address.into(),
        Host::Ipv6(address) => address.into(),
        // What they resolve to is vetted when they are resolved.
        Host::Domain(name) => return vet_name(name, rules),
    };
    if rules
        .extra_allowed
        .contains(&SocketAddr::new(literal, port))
    {
        return Ok(());
    }
    vet_addresses(&[literal], rules)
}

/// Refuses names that cannot be in the public DNS: over-long ones (RFC 1035, 2.3.4), and those set aside for one's own network
/// (RFC 6761, RFC 6762, ICANN's `internal`).
fn vet_name(name: &str, rules: &NetworkRules) -> Result<(), Refused> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let labels = name.split('.').map(str::len);
    let local = ["localhost", "local", "internal"];
    let is_local = name
        .rsplit('.')
        .next()
        .is_some_and(|top| local.contains(&top));
    if name.len() > 253
        || labels.clone().any(|length| !(1..=63).contains(&length))
        || (is_local && !rules.allow_private_network)
    {
        return Err(Refused::LocalName(name.chars().take(80).collect()));
    }
    Ok(())
}

/// Vets what a name resolved to. One bad address spoils all: a name that leads to both is made to deceive.
pub fn vet_addresses(addresses: &[IpAddr], rules: &NetworkRules) -> Result<(), Refused> {
    if rules.allow_private_network {
        return Ok(());
    }
    match addresses.iter().find(|address| !is_global(**address)) {
        Some(bad) => Err(Refused::NotGlobal(*bad)),
        None => Ok(()),
    }
}

/// Whether an address belongs to the public internet: none of the special blocks in IANA's registries, and none that carries such
/// an IPv4 address inside.
pub fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) => is_global_v6(address),
    }
}

/// Blocks of IANA's IPv4 special-purpose registry, multicast and the reserved class E: first address and prefix length.
const SPECIAL_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Blocks of IANA's IPv6 special-purpose registry, unique local, link and site local, multicast: first address and prefix length.
/// `2001::/23` covers Teredo and ORCHID; `5f00::/16` is for segment routing.
const SPECIAL_V6: [(Ipv6Addr, u32); 9] = [
    (Ipv6Addr::new(0x0100, 0, 0, 0, 0, 0, 0, 0), 64),
    (Ipv6Addr::new(0x0064, 0xff9b, 1, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0x0db8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x5f00, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
];

fn is_global_v4(address: Ipv4Addr) -> bool {
    let bits = address.to_bits();
    !SPECIAL_V4
        .iter()
        .any(|(first, prefix)| (bits ^ first.to_bits()) >> (32 - prefix) == 0)
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    if SPECIAL_V6
        .iter()
        .any(|(first, prefix)| (bits ^ first.to_bits()) >> (128 - prefix) == 0)
    {
        return false;
    }
    // Compatible and mapped addresses (::/96, ::ffff:0:0/96), and the unspecified and loopback ones among them, are not routed.
    if bits >> 32 == 0 || bits >> 32 == 0xffff || bits >> 32 == 0xffff_0000 {
        return false;
    }
    embedded_v4(address).is_none_or(is_global_v4)
}

/// The IPv4 address that a translating router would send this on to: NAT64 (`64:ff9b::/96`) and 6to4 (`2002::/16`).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = address.to_bits();
    let low_32_from = |shift: u32| {
        Ipv4Addr::from_bits(u32::try_from(bits >> shift & 0xffff_ffff).expect("masked to 32 bits"))
    };
    if bits >> 32 == 0x0064_ff9b_u128 << 64 {
        Some(low_32_from(0))
    } else if bits >> 112 == 0x2002 {
        Some(low_32_from(80))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn global(text: &str) -> bool {
        is_global(text.parse().unwrap())
    }

    #[test]
    fn the_public_internet_is_reached() {
        for text in [
            "1.1.1.1",
            "93.184.216.34",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "64:ff9b::101:101",
            "2002:101:101::",
        ] {
            assert!(global(text), "{text}");
        }
    }

    #[test]
    fn everything_special_is_refused_in_every_dress() {
        for text in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:1.1.1.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:a9fe:a9fe::",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
        ] {
            assert!(!global(text), "{text}");
        }
    }

    fn vet(text: &str) -> Result<(), Refused> {
        vet_url(&Url::parse(text).unwrap(), &NetworkRules::default())
    }

    #[test]
    fn literals_are_vetted_in_every_notation() {
        for text in [
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f000001/",
            "http://017700000001/",
            "http://0/",
            "http://[::1]/",
            "http://[::ffff:7f00:1]/",
            "http://169.254.169.254/",
            "http://①②⑦.0.0.1/",
            "http://127.0.0.1./",
        ] {
            assert!(
                matches!(vet(text), Err(Refused::NotGlobal(_))),
                "{text}: {:?}",
                vet(text)
            );
        }
    }

    #[test]
    fn names_of_private_networks_are_refused_before_they_are_resolved() {
        let long = format!("http://{}.com/", "a".repeat(64));
        for text in [
            "http://localhost/",
            "http://x.localhost:8080/",
            "http://metadata.google.internal/",
            "http://printer.local/",
            &long,
        ] {
            assert!(
                matches!(vet(text), Err(Refused::LocalName(_))),
                "{text}: {:?}",
                vet(text)
            );
        }
        assert!(vet("http://localhost.example.com/").is_ok());
    }

    #[test]
    fn ports_of_other_services_are_refused() {
        for (text, allowed) in [
            ("http://e.com:22/", false),
            ("http://e.com:1023/", false),
            ("http://e.com:8080/", true),
            ("https://e.com/", true),
        ] {
            assert_eq!(vet(text).is_ok(), allowed, "{text}");
        }
    }

    #[test]
    fn one_bad_address_spoils_a_name() {
        let both = ["1.1.1.1".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        assert!(vet_addresses(&both, &NetworkRules::default()).is_err());
        let private = NetworkRules {
            allow_private_network: true,
            ..NetworkRules::default()
        };
        assert!(vet_addresses(&both, &private).is_ok());
    }

    #[test]
    fn the_demos_receiver_is_reached_on_its_own_port_alone() {
        let rules = NetworkRules {
            extra_allowed: vec!["127.0.0.1:4000".parse().unwrap()],
            ..NetworkRules::default()
        };
        assert!(vet_url(&Url::parse("http://127.0.0.1:4000/x").unwrap(), &rules).is_ok());
        assert!(vet_url(&Url::parse("http://127.0.0.1:4001/x").unwrap(), &rules).is_err());
    }
}
