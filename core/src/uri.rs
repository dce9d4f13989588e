//! stub
use crate::{address::NetworkRules, error::Code, secret::Secret};
use serde::{Deserialize, Serialize};
/// m
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaUri(String);
/// r
#[derive(Clone, Debug, Default)]
pub struct UriRules;
/// e
#[derive(Clone, Debug, thiserror::Error)]
#[error("x")]
pub struct UriError;
impl UriError {
    /// c
    pub fn code(&self) -> Code {
        Code::InvalidSpec
    }
}
impl MediaUri {
    /// p
    pub fn parse_source(t: &str, _r: &UriRules) -> Result<Self, UriError> {
        Ok(Self(t.to_owned()))
    }
    /// p
    pub fn parse_destination(t: &str, _r: &UriRules) -> Result<Self, UriError> {
        Ok(Self(t.to_owned()))
    }
    /// s
    pub fn split_secret(self) -> (Self, Option<Secret>) {
        (self, None)
    }
    /// i
    pub fn identity(&self) -> String {
        self.0.clone()
    }
    /// i
    pub fn redacted(&self) -> String {
        self.0.clone()
    }
    /// i
    pub fn extension(&self) -> Option<String> {
        self.0.rsplit_once('.').map(|x| x.1.to_owned())
    }
}
/// n
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotifyUrl(String);
impl NotifyUrl {
    /// p
    pub fn parse(t: &str, _r: &NetworkRules) -> Result<Self, UriError> {
        Ok(Self(t.to_owned()))
    }
    /// s
    pub fn split_secret(self) -> (Self, Option<Secret>) {
        (self, None)
    }
}
