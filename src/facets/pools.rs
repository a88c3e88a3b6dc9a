//! `[pools]`: MetalLB's address pools and who announces them (MetalLB 0.13 and later, `metallb.io/v1beta1`).

use serde_json::{Value, json};

use super::{Context, Made};
use crate::{node::escape, plan::Makes};

/// One IPAddressPool and one L2Advertisement for each pool.
pub fn make(context: &Context<'_>, made: &mut Made) {
    if context.unit.makes != Makes::Pools {
        return;
    }
    for (name, pool) in &context.plan.addresses.pools {
        let written = &context.inventory.pools[name];
        let pointer = format!("/pools/{}", escape(name));
        let metadata = json!({ "name": name, "namespace": context.unit.namespace });
        let addresses: Vec<String> = pool.ranges.iter().map(ToString::to_string).collect();
        let pool_object = json!({
            "apiVersion": "metallb.io/v1beta1",
            "kind": "IPAddressPool",
            "metadata": metadata,
            "spec": { "addresses": addresses, "autoAssign": written.auto },
        });
        let mut interfaces = written.interfaces.clone();
        if interfaces.is_empty() {
            let network = pool.ranges.first().and_then(|range| context.plan.addresses.network_of(range.first));
            interfaces.extend(network.and_then(|(_, network)| network.interface.clone()));
        }
        let mut spec = json!({ "ipAddressPools": [name] });
        if !interfaces.is_empty() {
            spec["interfaces"] = json!(interfaces);
        }
        if !written.nodes.is_empty() {
            let selector = |node: &String| json!({ "matchLabels": { "kubernetes.io/hostname": node } });
            spec["nodeSelectors"] = written.nodes.iter().map(selector).collect::<Vec<Value>>().into();
        }
        let advertisement = json!({
            "apiVersion": "metallb.io/v1beta1",
            "kind": "L2Advertisement",
            "metadata": metadata,
            "spec": spec,
        });
        made.files.push(super::MadeFile {
            name: format!("{name}.pool.yaml"),
            pointer,
            objects: vec![pool_object, advertisement],
        });
    }
}
