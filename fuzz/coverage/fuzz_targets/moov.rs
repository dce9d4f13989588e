//! The target `moov` for cargo-fuzz.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| nommer_fuzz::run_one("moov", bytes));
