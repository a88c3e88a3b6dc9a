//! Talos runs the Kubernetes versions it was made for.

use crate::{code, compile::Model, diagnostic::Diagnostic, node::Part, plan::version, source::Sources};

/// Talos minor versions with the first and last Kubernetes minor version they run (`pkg/machinery/compatibility` of
/// Talos 1.11–1.14).
const RANGES: &[(u64, u64, u64)] = &[(11, 29, 34), (12, 30, 35), (13, 31, 36), (14, 32, 37)];

/// `versions.kubernetes` against `versions.talos`.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    let versions = &model.inventory.versions;
    let (Some(talos), Some((1, kubernetes))) = (&versions.talos, version(&versions.kubernetes)) else { return };
    let range = RANGES.iter().find(|(minor, ..)| version(talos) == Some((1, *minor)));
    let Some((minor, first, last)) = range.filter(|(_, first, last)| !(first..=last).contains(&&kubernetes)) else {
        return;
    };
    found.push(
        Diagnostic::new(
            code!("kubernetes-unsupported"),
            format!("Talos `{talos}` does not run Kubernetes `{}`", versions.kubernetes),
        )
        .at(model.place("/versions/kubernetes", Part::Value), "")
        .at(model.place("/versions/talos", Part::Value), format!("1.{minor} runs Kubernetes 1.{first} to 1.{last}"))
        .help("choose a Kubernetes version of that range, or another Talos")
        .about(&versions.kubernetes),
    );
}
