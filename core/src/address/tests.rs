use proptest::{prelude::*, sample::select};

use super::*;
use crate::uri::{MediaUri, NotifyUrl, UriRules};

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
        "3fff::1",
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
            matches!(vet(text), Err(Refused::NotGlobal(_) | Refused::Special(_))),
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
fn a_private_network_is_opened_without_what_else_is_special() {
    let rules = NetworkRules {
        allow_private_network: true,
        ..NetworkRules::default()
    };
    let opened = |text: &str| vet_addresses(&[text.parse().unwrap()], &rules).is_ok();
    for text in [
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "::1",
        "fd12::1",
        "1.1.1.1",
    ] {
        assert!(opened(text), "{text}");
    }
    for text in [
        "0.0.0.0",
        "169.254.169.254",
        "169.254.170.2",
        "192.0.0.192",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "fd00:ec2::254",
        "fe80::1",
    ] {
        assert!(!opened(text), "{text}");
    }
}

#[test]
fn a_hop_with_a_user_name_is_refused() {
    for text in ["http://u@e.com/", "http://u:p@e.com/", "http://:p@e.com/"] {
        assert_eq!(vet(text), Err(Refused::UserInfo), "{text}");
    }
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

/// One byte of an address, in one of the bases that `inet_aton` reads.
fn number(value: u32, base: u32) -> String {
    match base {
        8 => format!("0{value:o}"),
        16 => format!("0x{value:x}"),
        17 => format!("0X00{value:X}"),
        _ => value.to_string(),
    }
}

/// The address in `parts` numbers, the last of which holds what is left of it.
fn short_form(address: Ipv4Addr, bases: [u32; 4], parts: usize) -> String {
    let octets = address.octets();
    let last = octets[parts - 1..]
        .iter()
        .fold(0, |sum, octet| sum << 8 | u32::from(*octet));
    let numbers = octets[..parts - 1]
        .iter()
        .map(|octet| u32::from(*octet))
        .chain([last]);
    let texts: Vec<String> = numbers
        .zip(bases)
        .map(|(value, base)| number(value, base))
        .collect();
    texts.join(".")
}

/// The same text in letters that the URL standard folds to ASCII.
fn disguise(text: &str, disguise: u32) -> String {
    text.chars()
        .map(|letter| match (disguise, letter) {
            (1, '0'..='9') => char::from_u32(0xff10 + (letter as u32 - 0x30)).unwrap(),
            (2, '1'..='9') => char::from_u32(0x2460 + (letter as u32 - 0x31)).unwrap(),
            (2, '0') => '\u{24ea}',
            (3, '0'..='9') => char::from_u32(0x1d7ce + (letter as u32 - 0x30)).unwrap(),
            (4, '.') => '\u{3002}',
            (5, '.') => '\u{ff0e}',
            (6, '.') => '\u{ff61}',
            _ => letter,
        })
        .flat_map(|letter| match disguise {
            7 if letter.is_ascii() => format!("%{:02x}", u32::from(letter)).chars().collect(),
            _ => vec![letter],
        })
        .collect()
}

/// An IPv6 literal that carries the address.
fn in_v6(address: Ipv4Addr, dress: u32) -> String {
    let [a, b, c, d] = address.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    match dress {
        0 => format!("[::ffff:{address}]"),
        1 => format!("[0:0:0:0:0:FFFF:{high:x}:{low:04X}]"),
        2 => format!("[::{high:x}:{low:x}]"),
        3 => format!("[64:ff9b::{address}]"),
        4 => format!("[64:ff9b:1::{high:x}:{low:x}]"),
        5 => format!("[2002:{high:x}:{low:x}::1]"),
        _ => format!("[2001::{high:x}:{low:x}]"),
    }
}

/// An address of some block that is not public.
fn special() -> impl Strategy<Value = Ipv4Addr> {
    (select(&SPECIAL_V4[..]), any::<u32>()).prop_map(|((first, prefix), bits)| {
        Ipv4Addr::from_bits(first.to_bits() | bits.checked_shr(prefix).unwrap_or(0))
    })
}

/// A host that is this address, in one of its many notations.
fn notation() -> impl Strategy<Value = (u32, [u32; 4], usize, u32, &'static str)> {
    (
        0..3_u32,
        prop::array::uniform4(select(&[8, 10, 16, 17][..])),
        1..=4_usize,
        0..8_u32,
        select(&["", "."][..]),
    )
}

proptest! {
    #[test]
    fn no_notation_of_a_special_address_is_let_in(
        address in special(),
        (form, bases, parts, mask, dot) in notation(),
        dress in 0..7_u32,
        around in select(&[
            ("http://", "/"), ("HTTP://", ""), ("https://", ":8443/x"), ("http:///", "/"), ("http://example.com@", "/"),
            ("http://u:p@", "/"), ("http://example.com\\@", "/"), ("http://", "#@example.com/"), ("http://", "?@example.com/"),
            ("http://", "\\@example.com/"), ("http://\t", "/"), ("http:/", "/"), ("http:", "/"), ("http://", ":80"),
        ][..]),
    ) {
        let host = match form {
            0 => in_v6(address, dress),
            1 => disguise(&address.to_string(), mask) + dot,
            _ => disguise(&short_form(address, bases, parts), mask) + dot,
        };
        let text = format!("{}{host}{}", around.0, around.1);
        prop_assert!(MediaUri::parse_source(&text, &UriRules::default()).is_err(), "{text}");
        prop_assert!(NotifyUrl::parse(&text, &NetworkRules::default()).is_err(), "{text}");
    }

    #[test]
    fn a_public_address_is_reached_in_every_notation(
        address in any::<u32>().prop_map(Ipv4Addr::from_bits).prop_filter("public", |address| is_global((*address).into())),
        (_, bases, parts, mask, dot) in notation(),
    ) {
        let text = format!("http://{}{dot}/", disguise(&short_form(address, bases, parts), mask));
        let url = NotifyUrl::parse(&text, &NetworkRules::default()).map(|url| url.expose_url());
        prop_assert_eq!(url.as_ref().ok().and_then(Url::host), Some(Host::Ipv4(address)), "{}", text);
    }
}
