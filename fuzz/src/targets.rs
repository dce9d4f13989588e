//! The targets: thin calls of the library, and the promises that hold whatever the bytes are.

use std::time::Duration;

use nommer_core::{
    address::{NetworkRules, is_global},
    filtergraph::Graph,
    json::parse_strict,
    moov::{Relocation, Segment, plan_relocation},
    options::{OptionPolicy, Side, check_options},
    progress::{Line, Report, Tracker},
    spec::{SpecRules, parse_legacy, parse_v1},
    uri::{MediaUri, NotifyUrl, UriRules},
};
use url::{Host, Url};

/// A request: what is taken has options that the encoder takes again.
pub(crate) fn job(bytes: &[u8]) {
    let Ok(body) = parse_strict(bytes) else {
        return;
    };
    let rules = SpecRules::default();
    for checked in [parse_v1(&body, &rules), parse_legacy(&body, &rules)]
        .into_iter()
        .flatten()
    {
        for pass in &checked.spec.passes {
            for (pairs, side) in [
                (&pass.infile_options, Side::Input),
                (&pass.outfile_options, Side::Output),
            ] {
                let again = check_options(pairs, side, &OptionPolicy::default());
                assert!(
                    again.is_ok(),
                    "taken at submit, refused by the encoder: {again:?}"
                );
            }
        }
    }
}

/// Filters: what is let through and written anew means the same, read again.
pub(crate) fn filtergraph(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(checked) = Graph::parse(text).and_then(|graph| graph.checked(&[])) else {
        return;
    };
    let written = checked.to_string();
    let again = Graph::parse(&written);
    assert_eq!(again.as_ref(), Ok(&checked), "{text:?} became {written:?}");
    let reaching = |name: &str| name.contains("movie") || name.contains("zmq");
    let mut filters = checked.chains.iter().flatten();
    assert!(!filters.any(|filter| reaching(&filter.name)), "{written:?}");
}

/// Addresses: what is taken leads to no address that is not public, and its secret can be taken out and put back.
pub(crate) fn uri(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let rules = UriRules::default();
    for uri in [
        MediaUri::parse_source(text, &rules),
        MediaUri::parse_destination(text, &rules),
    ]
    .into_iter()
    .flatten()
    {
        if let Some(url) = uri.expose_url() {
            public(&url);
        }
        // Whatever is hidden, the rest is an address that is shown; its credentials are put back as they were.
        let (before, (shown, secret)) = (uri.identity(), uri.split_secret());
        assert!(!shown.redacted().is_empty());
        let whole = secret.map_or(shown.clone(), |secret| shown.with_secret(secret));
        assert_eq!(whole.identity(), before, "the secret changed the place");
    }
    if let Ok(notify) = NotifyUrl::parse(text, &NetworkRules::default()) {
        public(&notify.expose_url());
    }
}

fn public(url: &Url) {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        Some(Host::Domain(_)) | None => return,
    };
    assert!(is_global(address), "{address} is not public");
}

/// Films: a plan takes no byte from outside the file.
pub(crate) fn moov(bytes: &[u8]) {
    let Ok(Relocation::Plan(segments)) = plan_relocation(bytes) else {
        return;
    };
    let size = bytes.len() as u64;
    for segment in segments {
        if let Segment::Source { offset, len } = segment {
            let end = offset.checked_add(len);
            assert!(
                end.is_some_and(|end| end <= size),
                "{offset} + {len} of {size}"
            );
        }
    }
}

/// FFmpeg's progress: it stays between nothing and all, and never goes back.
pub(crate) fn progress(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut tracker = Tracker::new(vec![0.5, 1.0], Some(Duration::from_secs(10)));
    let (mut report, mut last) = (Report::default(), 0.0);
    for line in text.lines() {
        if report.take(line) != Line::Part {
            let now = tracker.progress(&report).percent;
            assert!(
                (0.0..=100.0).contains(&now) && now >= last,
                "{now} after {last}"
            );
            last = now;
        }
    }
}
