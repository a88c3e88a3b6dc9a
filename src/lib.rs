//! gitopsc compiles one inventory into a whole GitOps repository, and proves it sound before it is committed; it checks
//! repositories that were written by hand as well.
//!
//! The steps, each a function from values to values plus findings, are drawn in ARCHITECTURE.md.

pub mod accept;
pub mod audits;
pub mod calendar;
pub mod charts;
pub mod checks;
pub mod claim;
pub mod claims;
pub mod cli;
pub mod codes;
pub mod compile;
pub mod danger;
pub mod delivery;
pub mod diagnostic;
pub mod emit;
pub mod facets;
pub mod facts;
pub mod flux;
pub mod foundation;
pub mod given;
pub mod hosts;
pub mod inventory;
pub mod knowledge;
pub mod kubernetes;
pub mod kustomize;
pub mod markdown;
pub mod node;
pub mod parallel;
pub mod plan;
pub mod references;
pub mod report;
pub mod repository;
pub mod secrets;
pub mod settings;
pub mod source;
pub mod startup;
pub mod supply;
pub mod survey;
pub mod talos;
pub mod template;
pub mod tree;
pub mod verdict;
pub mod world;
pub mod yaml;
