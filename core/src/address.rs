//! stub
/// n
#[derive(Clone, Debug, Default)]
pub struct NetworkRules;
