//! Reads one fact from an executable's header: which loader the kernel starts for it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// `e_ident` of a 64-bit little-endian ELF file, as both of our architectures use (System V ABI, "ELF Header").
const IDENT: &[u8] = b"\x7fELF\x02\x01";
/// Offset of `e_phoff`, `e_phentsize` and `e_phnum` in that header.
const PHOFF: usize = 32;
const PHENTSIZE: usize = 54;
const PHNUM: usize = 56;
/// `p_type` of the program header that names the loader, and the offsets of `p_offset` and `p_filesz` in any.
const PT_INTERP: u32 = 3;
const P_OFFSET: usize = 8;
const P_FILESZ: usize = 32;

/// The loader named in an executable that starts with the bytes `head`; none when it is static or no such executable.
pub(super) fn interpreter(head: &[u8]) -> Option<PathBuf> {
    if !head.starts_with(IDENT) {
        return None;
    }
    let table = usize::try_from(u64::from_le_bytes(bytes(head, PHOFF)?)).ok()?;
    let size = usize::from(u16::from_le_bytes(bytes(head, PHENTSIZE)?));
    let count = usize::from(u16::from_le_bytes(bytes(head, PHNUM)?));
    for index in 0..count {
        let header = head.get(table.checked_add(index.checked_mul(size)?)?..)?;
        if u32::from_le_bytes(bytes(header, 0)?) == PT_INTERP {
            let start = usize::try_from(u64::from_le_bytes(bytes(header, P_OFFSET)?)).ok()?;
            let length = usize::try_from(u64::from_le_bytes(bytes(header, P_FILESZ)?)).ok()?;
            let name = head.get(start..start.checked_add(length)?)?;
            let name = name.strip_suffix(b"\0").unwrap_or(name);
            return Some(PathBuf::from(OsStr::from_bytes(name)));
        }
    }
    None
}

fn bytes<const N: usize>(from: &[u8], at: usize) -> Option<[u8; N]> {
    from.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A header with one program header of the given type, place and length, and a name after it.
    fn executable(kind: u32, offset: u64, length: u64) -> Vec<u8> {
        let mut head = vec![0; 64];
        head[..IDENT.len()].copy_from_slice(IDENT);
        head[PHOFF..PHOFF + 8].copy_from_slice(&64_u64.to_le_bytes());
        head[PHENTSIZE..PHENTSIZE + 2].copy_from_slice(&56_u16.to_le_bytes());
        head[PHNUM..PHNUM + 2].copy_from_slice(&1_u16.to_le_bytes());
        head.extend(kind.to_le_bytes());
        head.extend([0; 4]);
        head.extend(offset.to_le_bytes());
        head.extend([0; 16]);
        head.extend(length.to_le_bytes());
        head.extend([0; 16]);
        head.extend(b"/lib/ld.so\0");
        head
    }

    #[test]
    fn the_loader_is_the_one_the_header_names() {
        let found = interpreter(&executable(PT_INTERP, 120, 11));
        assert_eq!(found, Some(PathBuf::from("/lib/ld.so")));
    }

    #[test]
    fn a_static_executable_has_none() {
        assert_eq!(interpreter(&executable(1, 120, 11)), None);
    }

    #[test]
    fn a_script_has_none() {
        assert_eq!(interpreter(b"#!/bin/sh\nexec ffmpeg\n"), None);
    }

    #[test]
    fn a_name_outside_the_head_is_none() {
        assert_eq!(interpreter(&executable(PT_INTERP, u64::MAX, 11)), None);
        assert_eq!(interpreter(&executable(PT_INTERP, 120, u64::MAX)), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(mut head in proptest::collection::vec(any::<u8>(), 0..256)) {
            let length = head.len().min(IDENT.len());
            head[..length].copy_from_slice(&IDENT[..length]);
            interpreter(&head);
        }
    }
}
