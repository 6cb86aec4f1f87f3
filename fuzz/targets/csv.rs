#![no_main]

#[path = "../rows.rs"]
mod rows;
#[path = "../school.rs"]
#[allow(dead_code, reason = "the program uses the rest")]
mod school;

use school::import::table;

libfuzzer_sys::fuzz_target!(|data: &[u8]| rows::csv(data));
