//! Everything tested from outside, in one binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails where it stands")]

mod architecture;
mod bad_input;
mod bad_repository;
mod build_command;
mod cases;
mod charts;
mod claims;
mod composed;
mod docs;
mod emit;
mod fallback;
mod faults;
mod findings;
mod findings_b;
mod flux_substitution;
mod formats;
mod fuzz;
mod health;
mod help;
mod kill;
mod kustomize;
mod pages;
mod program;
mod repository;
mod repository_commands;
mod same_bytes;
mod seal_command;
mod sealing;
mod talos;
mod talos_case;
mod talos_config;
mod talos_nodes;
mod yaml;

#[path = "../common/unseal.rs"]
mod unseal;
