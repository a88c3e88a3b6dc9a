//! Everything tested from outside, in one binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod cases;
mod emit;
mod kill;
mod pages;
mod program;
mod sealing;
mod yaml;
