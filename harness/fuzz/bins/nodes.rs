#![no_main]
#![allow(dead_code, missing_docs, reason = "each fuzzer uses one of the targets")]

#[path = "../../tests/fast/malformed/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|text: &str| targets::nodes(text));
