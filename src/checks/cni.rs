//! The pod network is there before Flux, which needs it to run.

use crate::{
    code,
    compile::Model,
    diagnostic::Diagnostic,
    node::{Node, Part, escape},
    source::Sources,
};

/// Charts that are pod networks.
const NETWORKS: &[&str] = &["cilium", "calico", "tigera-operator", "flannel", "kube-ovn", "antrea"];

/// `cni = "none"` without anybody outside Flux who installs one.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    if model.inventory.talos.cni != "none" {
        return;
    }
    let is_network = |name: &str| NETWORKS.contains(&name);
    let mut owned = model.inventory.owners.values().flat_map(|owner| &owner.owns);
    // A release, or an object of one: `helm:kube-system/cilium`, `DaemonSet.apps:kube-system/kube-flannel-ds`.
    let of_network =
        |name: &str| NETWORKS.iter().any(|network| name.split('-').any(|word| word == *network) || name == *network);
    if owned.any(|text| text.rsplit(['/', ':']).next().is_some_and(of_network)) {
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
    let finding = finding
        .help("say who installs it before Flux: `[owners.terraform]` with `owns = [\"helm:kube-system/cilium\"]`")
        .help("or let Talos install one: `cni = \"flannel\"`")
        .follows("/owners");
    // What an owner has may be what could not be read.
    let owners = model.root.get("owners").map_or(&[] as &[_], Node::entries).iter();
    found.push(owners.fold(finding, |finding, owner| finding.follows(format!("/owners/{}/owns", escape(&owner.key)))));
}
