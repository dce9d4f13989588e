//! stub
/// s
#[derive(Clone, Debug)]
pub enum Segment {
    /// s
    Source {
        /// o
        offset: u64,
        /// l
        len: u64,
    },
    /// b
    Bytes(Vec<u8>),
}
