//! Any text as a store of sealed values, and as a certificate, is read without a panic; what was read is written and read
//! back the same.

#![no_main]

use gitopsc::{
    secrets::{Certificate, read_store, write_store},
    source::Sources,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let source = Sources::default().add("fuzz", text);
    let _ = Certificate::read(source, text);
    let (stored, findings) = read_store(source, text);
    if let Some(stored) = stored.filter(|_| findings.is_empty()) {
        let sealed = stored.sealed();
        let written = write_store(&sealed, "namespace", "name");
        let (again, findings) = read_store(source, &written);
        assert!(findings.is_empty(), "{written}");
        assert_eq!(again.expect("it was written just now").sealed(), sealed);
    }
});
