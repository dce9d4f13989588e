//! stub
use crate::error::{Code, Warning};
use serde::{Deserialize, Serialize};
/// p
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// n
    pub name: String,
    /// v
    pub value: Option<String>,
}
impl Pair {
    /// l
    pub fn list_from_json(_v: &serde_json::Value) -> Result<Vec<Self>, OptionError> {
        Ok(vec![])
    }
}
/// s
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// i
    Input,
    /// o
    Output,
}
/// p
#[derive(Clone, Debug, Default)]
pub struct OptionPolicy;
/// e
#[derive(Clone, Debug, thiserror::Error)]
#[error("x")]
pub struct OptionError;
impl OptionError {
    /// c
    pub fn code(&self) -> Code {
        Code::InvalidSpec
    }
}
/// c
#[derive(Clone, Debug)]
pub struct CheckedOptions {
    /// a
    pub args: Vec<Pair>,
    /// w
    pub warnings: Vec<Warning>,
}
/// c
pub fn check_options(
    p: &[Pair],
    _s: Side,
    _o: &OptionPolicy,
) -> Result<CheckedOptions, OptionError> {
    Ok(CheckedOptions {
        args: p.to_vec(),
        warnings: vec![],
    })
}
