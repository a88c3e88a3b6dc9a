//! x
use serde_json::Value;
use super::patch::Patch;
use crate::diagnostic::Diagnostic;
/// x
pub fn validate(_documents: &[Value], _patches: &[Patch]) -> Vec<Diagnostic> {
    Vec::new()
}
