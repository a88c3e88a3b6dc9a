//! Everything tested from outside, in one binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod architecture;
mod docs;
mod emit;
mod findings;
mod findings_b;
mod help;
mod kill;
mod pages;
mod sealing;
mod talos;
mod talos_case;
mod talos_nodes;
mod yaml;
