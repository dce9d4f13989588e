//! The door of the local server: it asks for no key, so nobody but programs of this machine may come in.
//!
//! Web pages that are open in a browser here could send requests to loopback addresses too. Their requests say where they come
//! from, and are refused; so are requests under a name that a stranger's DNS has pointed at this machine.

use std::net::{IpAddr, SocketAddr};

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use nommer_core::error::{Code, JobError};
use nommer_submit::Refusal;

/// Lets programs in, and pages of the server that listens at this address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard(pub(crate) SocketAddr);

impl Guard {
    /// Looks at the head of a request; the answer if it is refused.
    pub(crate) fn check(self, headers: &HeaderMap) -> Result<(), Box<Response>> {
        match refusal(headers, self.0) {
            None => Ok(()),
            Some(why) => {
                let refused = Refusal::from(JobError::new(Code::Forbidden, why));
                Err(Box::new(refused.into_response()))
            }
        }
    }
}

fn refusal(headers: &HeaderMap, listen: SocketAddr) -> Option<&'static str> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    if headers.get_all(header::HOST).iter().nth(1).is_some() {
        return Some("the request has more than one Host header");
    }
    let host = text(header::HOST)?;
    let name = host
        .rsplit_once(':')
        .map_or(host, |(name, _port)| name)
        .trim_matches(['[', ']']);
    let known = name == "localhost"
        || name
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback() || ip == listen.ip());
    // A server that listens beyond this machine is reached by whatever name the network gives it.
    if listen.ip().is_loopback() && !known {
        return Some("the Host header names another machine");
    }
    let own = format!("http://{host}");
    match text(header::ORIGIN) {
        Some(origin) if origin != own => {
            Some("the request comes from a web page of another origin")
        }
        Some(_) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&'static str, &str)]) -> bool {
        let headers = pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        refusal(&headers, "127.0.0.1:8001".parse().unwrap()).is_none()
    }

    #[test]
    fn programs_of_this_machine_come_in() {
        for host in [
            "127.0.0.1:8001",
            "localhost:8001",
            "[::1]:8001",
            "127.0.0.1",
        ] {
            assert!(check(&[("host", host)]), "{host}");
        }
        assert!(check(&[
            ("host", "localhost:8001"),
            ("origin", "http://localhost:8001")
        ]));
    }

    #[test]
    fn whoever_is_refused_is_told_as_by_the_rest_of_the_api() {
        let headers = [(header::HOST, HeaderValue::from_static("evil.example"))];
        let guard = Guard("127.0.0.1:8001".parse().unwrap());
        let refused = guard.check(&headers.into_iter().collect()).unwrap_err();
        assert_eq!(refused.status(), 403);
        let kind = &refused.headers()[header::CONTENT_TYPE];
        assert_eq!(kind, "application/problem+json");
    }

    #[test]
    fn web_pages_and_rebound_names_do_not() {
        assert!(!check(&[
            ("host", "127.0.0.1:8001"),
            ("origin", "https://evil.example")
        ]));
        assert!(!check(&[("host", "127.0.0.1:8001"), ("origin", "null")]));
        assert!(!check(&[("host", "evil.example:8001")]));
        assert!(!check(&[
            ("host", "localhost:8001"),
            ("host", "evil.example")
        ]));
    }
}
