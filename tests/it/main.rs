//! All integration tests, in one program.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod emit;
mod kill;
