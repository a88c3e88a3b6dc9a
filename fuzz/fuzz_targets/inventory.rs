//! Any bytes as an inventory are compiled without a panic, and twice the same.

#![no_main]

use gitopsc::{
    compile::{Options, compile},
    report::{FORMATS, Report, render},
    world::MemWorld,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let world = MemWorld::new([("inventory.toml", bytes)]);
    let run = || compile(&world, &Options::default()).expect("memory does not fail");
    let (first, second) = (run(), run());
    assert_eq!(first.diagnostics, second.diagnostics);
    assert!(first.tree == second.tree);
    for format in FORMATS {
        render(*format, &Report { sources: &first.sources, diagnostics: &first.diagnostics }, true);
    }
});
