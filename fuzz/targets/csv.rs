#![no_main]

#[path = "../rows.rs"]
mod rows;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rows::csv(data));
