//! The complete Talos configuration of each node, as the official generator would write it.
//!
//! A [`Machine`] describes one node in our words. The writer of its contract turns it into documents (`legacy` for
//! contract 1.11 with its network in `legacy_network`), patches are merged into them as Talos does it, and what Talos
//! would refuse is found before anything is written. Secrets are markers until [`fill`] puts them in.

mod contract;
mod duration;
mod fields;
mod legacy;
mod legacy_network;
mod machine;
mod merge;
mod patch;
pub mod schematic;
mod secrets;
mod validate;

use serde_json::Value;

pub use self::{
    contract::Contract,
    machine::{
        Bond, Bridge, Cni, ConfigFile, DiskSelector, EtcdEncryption, ExtensionService, File, HostDns, Install,
        KernelModule, Kubelet, Link, LinkId, LinkSelector, Machine, Mirror, Mount, Network, Role, Route, Vlan,
    },
    patch::{Patch, node_of},
    secrets::{Bundle, NodeSecrets, Secrets, decrypt_age, fill, markers},
    validate::validate,
};
use crate::diagnostic::Diagnostic;

/// The documents of a node's configuration: the machine configuration first, then one document for each further kind and name.
///
/// Everything Talos would refuse is found, in patches and in the whole.
pub fn generate(machine: &Machine, secrets: Secrets<'_>) -> Result<Vec<Value>, Vec<Diagnostic>> {
    let mut documents = match machine.contract {
        Contract::V1_11 => legacy::documents(machine),
    };
    let found = patch::apply(&mut documents, &machine.patches, machine.contract);
    if !found.is_empty() {
        return Err(found);
    }
    let documents = written(&documents, machine.contract);
    let found = validate(&documents, &machine.patches);
    if !found.is_empty() {
        return Err(found);
    }
    let Secrets::Values { bundle, node } = secrets else { return Ok(documents) };
    let documents = fill(documents, bundle, node)?;
    let found = validate::validate_filled(&documents, &machine.patches);
    if found.is_empty() { Ok(documents) } else { Err(found) }
}

fn written(documents: &[patch::Document], contract: Contract) -> Vec<Value> {
    let table = fields::table(contract);
    documents
        .iter()
        .map(|document| {
            let root = &table.document(&document.kind).expect("documents have known kinds").root;
            fields::write(table, root, Some(&document.value))
        })
        .collect()
}

/// Documents merged with patches, without a machine: what `talosctl machineconfig patch` does.
pub fn apply_patches(
    documents: &[crate::node::Node],
    patches: &[Patch],
    contract: Contract,
) -> Result<Vec<Value>, Vec<Diagnostic>> {
    let mut made = Vec::new();
    let base = Patch { documents: documents.to_vec() };
    let mut found = patch::apply(&mut made, std::slice::from_ref(&base), contract);
    found.extend(patch::apply(&mut made, patches, contract));
    if found.is_empty() { Ok(written(&made, contract)) } else { Err(found) }
}
