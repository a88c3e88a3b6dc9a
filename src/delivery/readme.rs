//! `out/README.md`: nodes, addresses, services and owners in tables, and the order of units as a graph.
//!
//! One sorted line a row and no counts, so that two changes meet in a merge only where they touch the same thing.

use std::collections::BTreeMap;

use crate::{
    compile::Model,
    markdown::{cell, table},
    plan::{NAMESPACES, UnitId},
    tree::{Origin, Tree},
};

/// Writes the page.
pub fn write(model: &Model, tree: &mut Tree) {
    let mut page = format!("# {}\n", cell(&model.inventory.cluster.name));
    page.push_str("\nWritten by gitopsc from `inventory.toml` and `templates/`; edit those.\n");
    section(&mut page, "Nodes", &["Node", "Role", "Address", "Network"], &nodes(model));
    section(&mut page, "Addresses", &["Address", "What", "Used by"], &addresses(model));
    section(&mut page, "Services", &["Service", "Namespace", "Layer", "Host", "Chart"], &services(model));
    section(&mut page, "Owners besides Flux", &["Object", "Owner"], &owners(model));
    page.push_str(&graph(model));
    tree.add("README.md", Origin::new("overview", &["inventory.toml"]), &page).expect("no unit writes here");
}

/// A table under its title; nothing where there are no rows.
fn section(page: &mut String, title: &str, head: &[&str], rows: &[Vec<String>]) {
    if rows.is_empty() {
        return;
    }
    page.push_str(&format!("\n## {title}\n\n{}", table(head, rows)));
}

fn nodes(model: &Model) -> Vec<Vec<String>> {
    let row = |(name, node): (&String, &crate::plan::address::Machine)| {
        let ip = node.ip.map(|ip| ip.to_string()).unwrap_or_default();
        let network = node.ip.and_then(|ip| model.plan.addresses.network_of(ip)).map(|(name, _)| name.to_owned());
        vec![cell(name), node.role.name().to_owned(), ip, network.unwrap_or_default()]
    };
    model.plan.addresses.nodes.iter().map(row).collect()
}

fn addresses(model: &Model) -> Vec<Vec<String>> {
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for unit in &model.plan.units {
        if let Some(pool) = &unit.pool {
            users.entry(&pool.name).or_default().push(&unit.service);
        }
    }
    let mut rows: Vec<(std::net::IpAddr, Vec<String>)> = Vec::new();
    for (name, vip) in &model.plan.addresses.vips {
        let row = vec![vip.ip.to_string(), format!("virtual address `{}`", cell(name)), "control planes".to_owned()];
        rows.push((vip.ip, row));
    }
    for (name, pool) in &model.plan.addresses.pools {
        let used = users.get(name.as_str()).map(|users| users.join(", ")).unwrap_or_default();
        for range in &pool.ranges {
            let row = vec![range.to_string(), format!("pool `{}`", cell(name)), used.clone()];
            rows.push((range.first, row));
        }
    }
    rows.sort();
    rows.into_iter().map(|(_, row)| row).collect()
}

fn services(model: &Model) -> Vec<Vec<String>> {
    let order = &model.inventory.layers.order;
    let row = |(name, id): (&String, &UnitId)| {
        let family = model.plan.family(name);
        let unit = &model.plan.units[*id];
        let host = family.iter().find_map(|unit| unit.host.as_ref()).map(|host| host.fqdn.clone());
        let chart = unit.facets.chart.as_ref().map(|chart| {
            let name = chart.name.as_ref().or(chart.oci.as_ref()).or(chart.path.as_ref());
            let version = chart.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
            format!("{}{version}", name.map(String::as_str).unwrap_or_default())
        });
        let layer = unit.layer.and_then(|layer| order.get(layer)).cloned();
        vec![
            cell(name),
            unit.namespace.clone(),
            layer.unwrap_or_default(),
            host.unwrap_or_default(),
            cell(&chart.unwrap_or_default()),
        ]
    };
    model.plan.services.iter().map(row).collect()
}

fn owners(model: &Model) -> Vec<Vec<String>> {
    let pairs =
        model.inventory.owners.iter().flat_map(|(tool, owner)| owner.owns.iter().map(move |object| (object, tool)));
    let mut rows: Vec<Vec<String>> =
        pairs.map(|(object, tool)| vec![format!("`{}`", cell(object)), cell(tool)]).collect();
    rows.sort();
    rows
}

/// Who waits for whom, without the unit of namespaces that everybody waits for and without waits that follow from others.
fn graph(model: &Model) -> String {
    let edges: Vec<Vec<UnitId>> =
        model.order.edges.iter().map(|edges| edges.iter().filter_map(|edge| edge.to).collect()).collect();
    let mut position = vec![0; edges.len()];
    for (at, id) in model.order.sorted(&model.plan).unwrap_or_default().into_iter().enumerate() {
        position[id] = at;
    }
    let direct = |from: UnitId| -> Vec<UnitId> {
        let through =
            |to: UnitId| edges[from].iter().any(|&other| other != to && reaches(&edges, &position, other, to));
        edges[from].iter().copied().filter(|&to| !through(to)).collect()
    };
    let name = |id: UnitId| in_graph(&model.plan.units[id].name);
    let mut lines: Vec<String> = (0..edges.len())
        .flat_map(|from| direct(from).into_iter().map(move |to| format!("  {} --> {}\n", name(to), name(from))))
        .collect();
    let alone = (0..edges.len()).filter(|id| edges[*id].is_empty() && !model.order.awaited.contains(id));
    lines.extend(alone.map(|id| format!("  {}\n", name(id))));
    lines.sort();
    if lines.is_empty() {
        return String::new();
    }
    let first = if model.plan.namespaces.is_empty() {
        String::new()
    } else {
        format!("\n`{NAMESPACES}` comes before all of them.\n")
    };
    format!("\n## Order\n{first}\n```mermaid\nflowchart LR\n{}```\n", lines.concat())
}

/// A unit's name as Mermaid takes it: its own words (flowchart syntax of Mermaid 11) stand in brackets.
fn in_graph(name: &str) -> String {
    let words = [
        "call",
        "class",
        "classdef",
        "click",
        "default",
        "direction",
        "end",
        "flowchart",
        "graph",
        "href",
        "style",
        "subgraph",
    ];
    if words.contains(&name) { format!("{name}_[\"{name}\"]") } else { name.to_owned() }
}

/// Whether a unit waits for another, directly or through others. Only units that come up after it can.
fn reaches(edges: &[Vec<UnitId>], position: &[usize], from: UnitId, to: UnitId) -> bool {
    let mut seen = std::collections::HashSet::new();
    let mut stack = vec![from];
    while let Some(id) = stack.pop() {
        if id == to {
            return true;
        }
        if position[id] > position[to] && seen.insert(id) {
            stack.extend(&edges[id]);
        }
    }
    false
}
