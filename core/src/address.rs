//! Which hosts a stranger's address may lead to. Pure: whoever connects resolves the name, asks here, and connects to what was vetted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use url::{Host, Url};

use crate::settings::Settings;

/// What may be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkRules {
    /// Whether addresses in private networks may be reached, this machine included. What is special otherwise stays closed: the
    /// credentials that a cloud hands to its instances are at link-local addresses.
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
    /// A user name or password before the host.
    #[error("the address holds a user name or password")]
    UserInfo,
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
    /// An address that no setting opens.
    #[error("{0} is neither a public address nor one of a private network")]
    Special(IpAddr),
    /// An address of a private network.
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
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refused::UserInfo);
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
    for &address in addresses {
        match (is_global(address), is_private(address)) {
            (true, _) => {}
            (false, true) if rules.allow_private_network => {}
            (false, true) => return Err(Refused::NotGlobal(address)),
            (false, false) => return Err(Refused::Special(address)),
        }
    }
    Ok(())
}

/// Whether an address belongs to a network of one's own: RFC 1918, RFC 4193, shared addresses (RFC 6598), and this machine.
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let shared = first == 100 && second & 0xc0 == 64;
            address.is_private() || address.is_loopback() || shared
        }
        IpAddr::V6(address) => {
            // Amazon serves its instances' credentials at `fd00:ec2::254` too.
            let metadata = address.segments()[..2] == [0xfd00, 0x0ec2];
            address.is_loopback() || address.is_unique_local() && !metadata
        }
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
/// `2001::/23` covers Teredo and ORCHID; `3fff::/20` is for documentation (RFC 9637), `5f00::/16` for segment routing.
const SPECIAL_V6: [(Ipv6Addr, u32); 10] = [
    (Ipv6Addr::new(0x0100, 0, 0, 0, 0, 0, 0, 0), 64),
    (Ipv6Addr::new(0x0064, 0xff9b, 1, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0x0db8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
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
mod tests;
