//! What stored records leave out: fields that are as they would be if nothing was said. A record is smaller for it, and on AWS the table
//! is paid for by the kilobyte.

/// Whether a field holds what it holds when nothing is said, for `skip_serializing_if`.
pub(crate) fn unset<T: Default + PartialEq>(field: &T) -> bool {
    *field == T::default()
}
