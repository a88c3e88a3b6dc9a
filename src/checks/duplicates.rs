//! Names that must be unique: host names of nodes, hardware addresses, hosts of services, chosen variables.

use std::collections::BTreeMap;

use super::provider_id;
use crate::{
    code,
    compile::Model,
    diagnostic::Diagnostic,
    node::{Part, escape},
    source::{Place, Sources},
};

/// Each kind of name by itself.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    hosts(model, found);
    let nodes = &model.inventory.nodes;
    let at = |node: &str, key: &str| model.place(&format!("/nodes/{}/{key}", escape(node)), Part::Value);
    let host_names = nodes.iter().map(|(name, node)| match &node.hostname {
        Some(hostname) => (hostname.to_lowercase(), name, at(name, "hostname")),
        None => (name.to_lowercase(), name, model.place(&format!("/nodes/{}", escape(name)), Part::Key)),
    });
    twice(host_names, "host name", found);
    let macs = nodes.iter().filter_map(|(name, node)| {
        let mac = node.mac.as_ref()?;
        Some((mac.to_lowercase().replace('-', ":"), name, at(name, "mac")))
    });
    twice(macs, "hardware address", found);
    for variable in unique_variables(model) {
        let values = nodes.iter().filter_map(|(name, node)| {
            let value = node.vars.get(&variable)?;
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Some((text, name, at(name, &format!("vars/{}", escape(&variable)))))
        });
        twice(values, &format!("`{variable}`"), found);
    }
}

/// Variables named in `unique-vars`, and those a provider ID is made of.
pub fn unique_variables(model: &Model) -> Vec<String> {
    let talos = &model.inventory.talos;
    let in_provider = talos.provider_id.iter().flat_map(|rule| provider_id::variables(rule)).map(str::to_owned);
    let mut names: Vec<String> = talos.unique_vars.iter().cloned().chain(in_provider).collect();
    names.sort();
    names.dedup();
    names
}

fn twice<'n>(all: impl Iterator<Item = (String, &'n String, Place)>, what: &str, found: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<String, (&String, Place)> = BTreeMap::new();
    for (value, node, place) in all {
        let Some((other, before)) = first.get(&value) else {
            first.insert(value, (node, place));
            continue;
        };
        found.push(
            Diagnostic::new(
                code!("node-value-twice"),
                format!("nodes `{other}` and `{node}` have one {what}: `{value}`"),
            )
            .at(place, "")
            .at(*before, format!("`{other}` has it first"))
            .help("give one of them another")
            .about(node),
        );
    }
}

fn hosts(model: &Model, found: &mut Vec<Diagnostic>) {
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (id, unit) in model.plan.units.iter().enumerate() {
        let Some(host) = &unit.host else { continue };
        let place = |unit: &crate::plan::Unit| model.place(&format!("{}/host", unit.pointer), Part::Value);
        let Some(&other) = first.get(host.fqdn.as_str()) else {
            first.insert(&host.fqdn, id);
            continue;
        };
        let other = &model.plan.units[other];
        // Whoever is written first has it.
        let (other, unit) = if place(unit).span < place(other).span { (unit, other) } else { (other, unit) };
        found.push(
            Diagnostic::new(
                code!("host-twice"),
                format!("host `{}` is claimed by `{}` and `{}`", host.fqdn, other.label(), unit.label()),
            )
            .at(place(unit), "")
            .at(place(other), format!("`{}` has it first", other.label()))
            .note("which of them answers is up to the ingress controller")
            .help("give one of them another host")
            .about(&host.fqdn)
            .breaks(format!("object Certificate.cert-manager.io:{}/{}", unit.namespace, host.tls_secret)),
        );
    }
}
