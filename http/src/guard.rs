//! The guard: a resolver that gives only vetted addresses, and a check for hosts that are addresses already.

use std::{error::Error as _, net::SocketAddr, time::Duration};

use nommer_core::address::{NetworkRules, vet_addresses, vet_url};
use reqwest::{
    Client, ClientBuilder,
    dns::{Addrs, Name, Resolve, Resolving},
};
use url::Url;

/// How long making a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A client that connects to vetted addresses only. It follows no redirect: the caller vets each hop.
pub(crate) fn client(rules: &NetworkRules) -> ClientBuilder {
    Client::builder()
        .dns_resolver(Guard {
            rules: rules.clone(),
        })
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_LIMIT)
        .referer(false)
}

/// Vets what the resolver never sees: scheme, port, and hosts that are addresses.
pub(crate) fn vet(url: &Url, rules: &NetworkRules) -> Result<(), String> {
    vet_url(url, rules).map_err(|refused| refused.to_string())
}

#[derive(Clone, Debug)]
struct Guard {
    rules: NetworkRules,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = self.rules.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let addresses: Vec<_> = found.iter().map(SocketAddr::ip).collect();
            vet_addresses(&addresses, &rules)
                .map_err(|refused| BoxError::from(refused.to_string()))?;
            let vetted: Addrs = Box::new(found.into_iter());
            Ok(vetted)
        })
    }
}

/// What went wrong, without the address: its query may hold a secret.
pub(crate) fn explain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
