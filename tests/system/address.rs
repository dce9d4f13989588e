//! Holds `is_global` against Python's `ipaddress`, whose registries somebody else keeps. Needs `python3` on the path.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    process::Command,
};

use nommer_core::address::{NetworkRules, is_global, vet_url};
use tempfile::TempDir;
use url::Url;

use crate::harness::output_of;

/// How many addresses are judged, unless `NOMMER_TEST_ADDRESSES` says otherwise: the full run takes a million.
const COUNT: usize = 100_000;

/// Where the sequence of addresses begins. A failure names the address itself, so any seed will do.
const SEED: u64 = 0x6e6f_6d6d_6572;

/// Blocks with a meaning of their own, and a few without: their edges are where a mistake shows.
const BLOCKS: [&str; 43] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "8.8.8.0/24",
    "::/128",
    "::1/128",
    "::/96",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001::/23",
    "2001:4:112::/48",
    "2001:20::/28",
    "2001:db8::/32",
    "2002::/16",
    "2606:4700::/32",
    "2620:4f:8000::/48",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fd00:ec2::/32",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

/// Prefixes that carry an IPv4 address, and how far up it stands.
const TUNNELS: [(&str, u32); 7] = [
    ("::", 0),
    ("::ffff:0:0", 0),
    ("::ffff:0:0:0", 0),
    ("64:ff9b::", 0),
    ("64:ff9b:1::", 0),
    ("2001::", 64),
    ("2002::", 80),
];

/// The generator `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.bits()) << 64 | u128::from(self.bits())
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.bits() % end as u64).unwrap()
    }
}

/// A block's first address as a number, the length of its prefix, and the width of its addresses.
fn block(text: &str) -> (u128, u32, u32) {
    let (first, prefix) = text.split_once('/').unwrap();
    let prefix = prefix.parse().unwrap();
    match first.parse().unwrap() {
        IpAddr::V4(first) => (first.to_bits().into(), prefix, 32),
        IpAddr::V6(first) => (first.to_bits(), prefix, 128),
    }
}

/// The address of this number, modulo the width.
fn address(bits: u128, width: u32) -> IpAddr {
    match width {
        32 => Ipv4Addr::from_bits(u32::try_from(bits & 0xffff_ffff).unwrap()).into(),
        _ => Ipv6Addr::from_bits(bits).into(),
    }
}

/// The first and last address of every block, and their neighbors.
fn edges() -> impl Iterator<Item = IpAddr> {
    BLOCKS.into_iter().flat_map(|text| {
        let (first, prefix, width) = block(text);
        let last = first | u128::MAX.checked_shr(128 - width + prefix).unwrap_or(0);
        [first.wrapping_sub(1), first, last, last.wrapping_add(1)].map(|bits| address(bits, width))
    })
}

/// An address within a block, or beside it by one bit of its prefix.
fn near_a_block(dice: &mut Dice) -> (u128, u32) {
    let (first, prefix, width) = block(BLOCKS[dice.below(BLOCKS.len())]);
    let inner = dice.wide().checked_shr(128 - width + prefix).unwrap_or(0);
    let astray = match dice.below(2) {
        0 => 0,
        _ => 1 << (width - 1 - u32::try_from(dice.below(prefix as usize)).unwrap()),
    };
    ((first | inner) ^ astray, width)
}

/// An address of any kind.
fn any(dice: &mut Dice) -> IpAddr {
    let (bits, width) = near_a_block(dice);
    match dice.below(4) {
        0 => address(dice.wide(), 32),
        1 if width == 32 => {
            let (prefix, shift) = TUNNELS[dice.below(TUNNELS.len())];
            let prefix: Ipv6Addr = prefix.parse().unwrap();
            address(prefix.to_bits() | bits << shift, 128)
        }
        // The globally routed part of IPv6.
        1 => address(0b001 << 125 | dice.wide() >> 3, 128),
        _ => address(bits, width),
    }
}

/// One of the notations of an address.
fn host(address: IpAddr, dice: &mut Dice) -> String {
    match address {
        IpAddr::V4(address) => {
            let ([a, b, c, d], bits) = (address.octets(), address.to_bits());
            match dice.below(7) {
                0 => format!("{bits}"),
                1 => format!("{bits:#x}"),
                2 => format!("0{a:o}.{b}.0{c:o}.{d:#x}"),
                3 => format!("{a}.{}", bits & 0xff_ffff),
                4 => format!("{a}.{b}.{:#x}", bits & 0xffff),
                5 => format!("{address}."),
                _ => address.to_string(),
            }
        }
        IpAddr::V6(address) => {
            let groups = address.segments().map(|group| format!("{group:04X}"));
            match dice.below(2) {
                0 => format!("[{}]", groups.join(":")),
                _ => format!("[{address}]"),
            }
        }
    }
}

#[test]
fn python_agrees_on_which_addresses_are_public() {
    let count = std::env::var("NOMMER_TEST_ADDRESSES").ok();
    let count = count.map_or(COUNT, |count| count.parse().unwrap());
    let mut dice = Dice(SEED);
    let mut addresses: Vec<IpAddr> = edges().collect();
    addresses.resize_with(count, || any(&mut dice));

    let folder = TempDir::new().unwrap();
    let file = folder.path().join("addresses");
    let lines = addresses.iter().fold(String::new(), |mut lines, address| {
        writeln!(lines, "{address}").unwrap();
        lines
    });
    std::fs::write(&file, lines).unwrap();
    let verdicts = output_of(
        Command::new("python3")
            .args(["-c", include_str!("address/oracle.py")])
            .arg(&file),
    );

    let verdicts: Vec<bool> = verdicts.lines().map(|verdict| verdict == "1").collect();
    assert_eq!(verdicts.len(), count);
    let public = verdicts.iter().filter(|public| **public).count();
    assert!(
        (count / 5..count * 4 / 5).contains(&public),
        "{public} public of {count}: too one-sided to tell much"
    );
    let disputed: Vec<String> = addresses
        .iter()
        .zip(&verdicts)
        .filter(|(address, public)| is_global(**address) != **public)
        .map(|(address, public)| format!("{address}: Python says {public}"))
        .take(20)
        .collect();
    assert!(disputed.is_empty(), "{disputed:#?}");

    // The same as hosts of URLs, in notations that resolvers take for them.
    for (address, public) in addresses.iter().zip(&verdicts) {
        let url = Url::parse(&format!("http://{}/", host(*address, &mut dice))).unwrap();
        let vetted = vet_url(&url, &NetworkRules::default()).is_ok();
        assert!(!vetted || *public, "{url} for {address} is let through");
    }
}
