//! Requests about endpoints: each field checked, each refusal with its place.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    address::NetworkRules,
    id::KeyId,
    nearest::nearest,
    notify::EventName,
    secret::Secret,
    spec::{SpecError, fields::Fields},
    uri::{NotifyUrl, UriError},
};

/// Longest description, in bytes.
const DESCRIPTION_BYTES: usize = 500;

/// What a request may say.
const FIELDS: [&str; 4] = ["url", "events", "description", "enabled"];

/// What is asked of an endpoint; what is not said stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointRequest {
    /// Where, with its secrets taken out.
    pub url: Option<NotifyUrl>,
    /// The secret part of that address.
    pub url_secret: Option<Secret>,
    /// What it wants to hear of.
    pub events: Option<BTreeSet<EventName>>,
    /// What it is for.
    pub description: Option<String>,
    /// Whether anything is sent to it.
    pub enabled: Option<bool>,
}

impl EndpointRequest {
    /// Refuses what endpoints of this owner are not told. The fleet is the operator's: keys that see only their own jobs hear nothing of it.
    pub fn check_for(&self, owner: Option<&KeyId>) -> Result<(), SpecError> {
        let named = self.events.iter().flatten();
        let mut of_fleet = named.filter(|event| event.is_of_fleet());
        match of_fleet.next().filter(|_| owner.is_some()) {
            None => Ok(()),
            Some(event) => {
                let message =
                    format!("{event} is told to endpoints of the operator only; leave it out");
                Err(SpecError::invalid("/events", message))
            }
        }
    }
}

/// Reads the body of `POST /v1/webhook-endpoints`.
pub fn parse_new(body: &Value, rules: &NetworkRules) -> Result<EndpointRequest, SpecError> {
    let request = parse_change(body, rules)?;
    if request.url.is_none() {
        return Err(SpecError::invalid("/url", "url is missing"));
    }
    Ok(request)
}

/// Reads the body of `PATCH /v1/webhook-endpoints/{id}`.
pub fn parse_change(body: &Value, rules: &NetworkRules) -> Result<EndpointRequest, SpecError> {
    let fields = Fields::new(body, String::new(), &FIELDS)?;
    let (url, url_secret) = match fields.text("url")? {
        None => (None, None),
        Some(text) => {
            let refuse =
                |error: UriError| SpecError::new("/url", error.code(), format!("url: {error}"));
            let url = NotifyUrl::parse(text, rules).map_err(refuse)?;
            let (url, secret) = url.split_secret();
            (Some(url), secret)
        }
    };
    Ok(EndpointRequest {
        url,
        url_secret,
        events: events(&fields)?,
        description: description(&fields)?,
        enabled: match fields.get("enabled") {
            None => None,
            Some(_) => Some(fields.flag("enabled")?),
        },
    })
}

/// Reads the body of a request to try an endpoint out: the event, `job.finished` if it names none.
pub fn parse_event(body: &Value) -> Result<EventName, SpecError> {
    let fields = Fields::new(body, String::new(), &["event"])?;
    match fields.text("event")? {
        None => Ok(EventName::Finished),
        Some(text) => event(text, "/event".to_owned()),
    }
}

fn events(fields: &Fields<'_>) -> Result<Option<BTreeSet<EventName>>, SpecError> {
    let Some(value) = fields.get("events") else {
        return Ok(None);
    };
    let form = "must be a list of the names of events, at least one";
    let list = value.as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| fields.refuse("events", form))?;
    let named = list.iter().enumerate().map(|(number, value)| {
        let text = value
            .as_str()
            .ok_or_else(|| fields.refuse("events", form))?;
        event(text, format!("/events/{number}"))
    });
    named.collect::<Result<_, _>>().map(Some)
}

fn event(text: &str, at: String) -> Result<EventName, SpecError> {
    EventName::parse(text).ok_or_else(|| {
        let names = EventName::ALL.map(EventName::as_str);
        let advice = nearest(text, &names).map_or_else(
            || format!("events are {}", names.join(", ")),
            |near| format!("did you mean {near:?}?"),
        );
        let text: String = text.chars().take(64).collect();
        SpecError::invalid(at, format!("there is no event {text:?}; {advice}"))
    })
}

fn description(fields: &Fields<'_>) -> Result<Option<String>, SpecError> {
    let Some(text) = fields.text("description")? else {
        return Ok(None);
    };
    if text.len() > DESCRIPTION_BYTES || text.chars().any(char::is_control) {
        let form =
            format!("must be text of at most {DESCRIPTION_BYTES} bytes without control characters");
        return Err(fields.refuse("description", form));
    }
    Ok(Some(text.to_owned()))
}
