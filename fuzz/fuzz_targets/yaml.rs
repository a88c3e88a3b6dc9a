//! Any bytes are read without a panic, and what was read is written and read back the same.

#![no_main]

use gitopsc::{source::Sources, yaml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let source = Sources::default().add("fuzz.yaml", text.as_ref());
    for document in yaml::read(source, &text).documents {
        let written = yaml::write(&document.root.to_json());
        let again = yaml::read(source, &written);
        assert!(again.diagnostics.is_empty(), "{written}");
        // Written once more, since whole floats lose their point when they are read.
        assert_eq!(again.documents.len(), 1, "{written}");
        let rewritten = yaml::write(&again.documents[0].root.to_json());
        assert_eq!(rewritten, written);
    }
});
