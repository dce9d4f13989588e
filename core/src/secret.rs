//! stub
/// s
#[derive(Clone, Debug)]
pub struct Secret(String);
impl Secret {
    /// n
    pub fn new(t: impl Into<String>) -> Self {
        Self(t.into())
    }
    /// e
    pub fn expose(&self) -> &str {
        &self.0
    }
}
