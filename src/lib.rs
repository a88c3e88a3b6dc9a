//! gitopsc compiles one inventory into a whole GitOps repository, and proves it sound before it is committed.
//!
//! The steps, each a function from values to values plus findings, are drawn in ARCHITECTURE.md.

pub mod codes;
pub mod diagnostic;
pub mod node;
pub mod source;
pub mod talos;
