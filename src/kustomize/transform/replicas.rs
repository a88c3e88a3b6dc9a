//! `replicas`: how many pods the workloads of a name have.

use crate::{
    kustomize::{
        Resource, Stop, edit, fails,
        field_specs::{Configuration, FieldSpec, Make},
        file::Kustomization,
        quotes::Quotes,
    },
    node::{Kind, Node},
    source::Sources,
};

/// Sets the numbers.
pub(in crate::kustomize) fn apply(
    resources: &mut [Resource],
    kustomization: &Kustomization<'_>,
    fields: &Configuration,
    sources: &Sources,
) -> Result<(), Stop> {
    for entry in kustomization.list("replicas") {
        let name = entry.get("name").and_then(Node::as_str).unwrap_or_default();
        let place = entry.get("count").map_or(entry.place, |count| count.place);
        let count = entry.get("count").map_or(Kind::Number(0.into()), |count| count.kind.clone());
        let count = Node { place, kind: count };
        let mut found = false;
        for field in &fields.replicas {
            for resource in resources.iter_mut().filter(|resource| is_meant(resource, name, field)) {
                found = true;
                let Resource { object, marks, .. } = resource;
                let quotes = &marks.quotes;
                field.visit(object, Make::Scalar, place, &mut |node| set(node, &count, quotes, sources))?;
            }
        }
        if !found {
            return Err(fails(format!("no workload with replicas is called `{name}`"), entry.place));
        }
    }
    Ok(())
}

/// Whether an object has, or once had, the name, and the kind of the field.
fn is_meant(resource: &Resource, name: &str, field: &FieldSpec) -> bool {
    let now = resource.identity();
    (now.name == name && field.selects(&now.group, &now.version, &now.kind))
        || (resource.past.iter().any(|past| past.name == name)
            && resource
                .past_ids()
                .iter()
                .any(|past| past.name == name && field.selects(&past.group, &past.version, &past.kind)))
}

fn set(node: &mut Node, count: &Node, quotes: &Quotes, sources: &Sources) -> Result<(), Stop> {
    if matches!(node.kind, Kind::Map(_) | Kind::List(_)) {
        return Err(fails("the number of replicas is to be set where no number can stand", node.place));
    }
    let quoted = quotes.has(node, sources);
    *node = count.clone();
    if quoted {
        node.kind = Kind::String(edit::scalar_text(count).unwrap_or_default());
    }
    Ok(())
}
