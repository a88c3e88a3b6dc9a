//! The pod network is there before Flux, which needs it to run.

use crate::{code, compile::Model, diagnostic::Diagnostic, node::Part, source::Sources};

/// Charts that are pod networks.
const NETWORKS: &[&str] = &["cilium", "calico", "tigera-operator", "flannel", "kube-ovn", "antrea"];

/// `cni = "none"` without anybody outside Flux who installs one.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    if model.inventory.talos.cni != "none" {
        return;
    }
    let is_network = |name: &str| NETWORKS.contains(&name);
    let owned = model.inventory.owners.values().flat_map(|owner| &owner.owns);
    let outside = owned
        .filter_map(|text| text.strip_prefix("helm:"))
        .any(|release| release.rsplit('/').next().is_some_and(is_network));
    if outside {
        return;
    }
    let ours = model
        .plan
        .units
        .iter()
        .find(|unit| unit.provides.iter().any(|name| name.starts_with("cni/")) || is_network(&unit.service));
    let finding = Diagnostic::new(code!("cni-missing"), "nodes have no pod network, and Flux cannot start without one")
        .at(model.place("/talos/cni", Part::Value), "Talos installs none");
    let finding = match ours {
        Some(unit) => finding.at(model.place(&unit.pointer, Part::Key), "Flux would install this one, once it runs"),
        None => finding,
    };
    found.push(finding.help("say who installs it before Flux: `[owners.terraform] owns = [\"helm:kube-system/cilium\"]`; or let Talos do it: `cni = \"flannel\"`"));
}
