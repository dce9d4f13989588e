//! stub
use crate::spec::PassSpec;
/// x
pub fn web_medium() -> Vec<PassSpec> {
    vec![]
}
/// x
pub fn android_low() -> Vec<PassSpec> {
    vec![]
}
/// x
pub fn cb_low() -> Vec<PassSpec> {
    vec![]
}
/// x
pub fn cb_medium() -> Vec<PassSpec> {
    vec![]
}
/// x
pub fn cb_high() -> Vec<PassSpec> {
    vec![]
}
