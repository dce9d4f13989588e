//! stub
use serde::{Deserialize, Serialize};
/// f
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FleetRecord {}
/// f
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FleetSettings {}
