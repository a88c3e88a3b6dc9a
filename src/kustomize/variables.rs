//! `vars`: values of objects that are put where `$(NAME)` is written.

use super::{
    Id, Resource, Stop, fails,
    field_specs::{FieldSpec, Make},
    file::Kustomization,
    finish::raw_text,
    refused, shared,
};
use crate::{
    node::{Kind, Node},
    source::{Place, Sources},
};

/// A variable: whose value it is.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    name: String,
    path: String,
    place: Place,
}

/// Adds the variables of a kustomization to those of others, and notes them on the objects they are about.
pub(super) fn add(
    variables: &mut Vec<Variable>,
    resources: &mut [Resource],
    kustomization: &Kustomization<'_>,
) -> Result<(), Stop> {
    for item in kustomization.list("vars") {
        let text = |path: &[&str]| item.at(path.iter().copied()).and_then(Node::as_str).unwrap_or_default().to_owned();
        let variable = Variable {
            name: text(&["name"]),
            path: Some(text(&["fieldref", "fieldPath"]))
                .filter(|path| !path.is_empty())
                .unwrap_or("metadata.name".into()),
            place: item.place,
        };
        let api_version = text(&["objref", "apiVersion"]);
        let (group, version) = match api_version.split('/').collect::<Vec<_>>()[..] {
            [""] => (text(&["objref", "group"]), text(&["objref", "version"])),
            [version] => (text(&["objref", "group"]), version.to_owned()),
            [group, version] => (group.to_owned(), version.to_owned()),
            _ => (text(&["objref", "group"]), text(&["objref", "version"])),
        };
        let wanted = Id {
            group,
            version,
            kind: text(&["objref", "kind"]),
            namespace: text(&["objref", "namespace"]),
            name: text(&["objref", "name"]),
        };
        let anywhere = wanted.namespace.is_empty() && !wanted.is_cluster_scoped();
        let is_meant = |id: &Id| {
            if anywhere {
                (&id.group, &id.version, &id.kind, &id.name)
                    == (&wanted.group, &wanted.version, &wanted.kind, &wanted.name)
            } else {
                id.is_same(&wanted)
            }
        };
        let mut found = resources
            .iter_mut()
            .filter(|resource| is_meant(&resource.id()) || resource.past_ids().iter().any(is_meant));
        if let Some(first) = found.next() {
            if found.next().is_some() {
                return Err(fails(format!("more than one object could be meant by `{}`", variable.name), item.place));
            }
            first.marks.variables.push(variable.name.clone());
        }
        push(variables, variable)?;
    }
    Ok(())
}

/// Adds a variable, whose name must be new.
pub(super) fn push(variables: &mut Vec<Variable>, variable: Variable) -> Result<(), Stop> {
    if variables.iter().any(|known| known.name == variable.name) {
        return Err(fails(format!("the variable `{}` is there already", variable.name), variable.place));
    }
    variables.push(variable);
    Ok(())
}

/// Puts the values where the variables are written.
pub(super) fn resolve(
    variables: &[Variable],
    resources: &mut [Resource],
    fields: &[FieldSpec],
    sources: &Sources,
) -> Result<(), Stop> {
    if variables.is_empty() {
        return Ok(());
    }
    let mut values: Vec<(&str, Node)> = Vec::new();
    for variable in variables {
        let value = value(variable, resources)?;
        values.push((&variable.name, value));
    }
    for resource in resources {
        let place = resource.place;
        shared::keeping(resource, |resource| {
            fields.iter().try_for_each(|field| {
                field.visit(&mut resource.object, Make::Nothing, place, &mut |node| replace(node, &values, sources))
            })
        })?;
    }
    Ok(())
}

fn value(variable: &Variable, resources: &[Resource]) -> Result<Node, Stop> {
    if variable.path.contains(['[', '\\']) {
        return Err(refused(format!("the path `{}` of a variable", variable.path), variable.place));
    }
    let Some(resource) = resources.iter().find(|resource| resource.marks.variables.contains(&variable.name)) else {
        return Err(fails(format!("no object is there for the variable `{}`", variable.name), variable.place));
    };
    match resource.object.at(variable.path.split('.')) {
        Some(node) => Ok(node.clone()),
        None => Err(fails(
            format!("the object of the variable `{}` has no `{}`", variable.name, variable.path),
            variable.place,
        )),
    }
}

fn replace(node: &mut Node, values: &[(&str, Node)], sources: &Sources) -> Result<(), Stop> {
    match &mut node.kind {
        Kind::Map(entries) => {
            entries.values_mut().for_each(|(_, value)| replace_text(value, values, sources));
        }
        Kind::List(items) => {
            for item in items {
                if item.as_str().is_none() {
                    return Err(fails("a list with variables holds texts only", item.place));
                }
                replace_text(item, values, sources);
            }
        }
        _ => replace_text(node, values, sources),
    }
    Ok(())
}

fn replace_text(node: &mut Node, values: &[(&str, Node)], sources: &Sources) {
    let Some(text) = node.as_str() else { return };
    if text.contains('$') {
        node.kind = expanded(text, values, sources);
    }
}

/// A text with its variables replaced. One that is nothing but a variable becomes its value, of whatever type.
fn expanded(text: &str, values: &[(&str, Node)], sources: &Sources) -> Kind {
    let known = |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
    let mut result = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        result.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        match after.chars().next() {
            None => {
                result.push('$');
                rest = after;
            }
            Some('$') => {
                result.push('$');
                rest = &after[1..];
            }
            Some('(') => match after.find(')') {
                None => {
                    result.push_str("$(");
                    rest = &after[1..];
                }
                Some(end) => {
                    let name = &after[1..end];
                    let value = known(name).filter(|value| !matches!(value.kind, Kind::Map(_) | Kind::List(_)));
                    match value {
                        Some(value) if text.len() == end + 2 => {
                            return match &value.kind {
                                Kind::Null => Kind::String(raw_text(value, sources)),
                                kind => kind.clone(),
                            };
                        }
                        Some(value) => result.push_str(&raw_text(value, sources)),
                        None => result.push_str(&rest[at..at + end + 2]),
                    }
                    rest = &after[end + 1..];
                }
            },
            Some(letter) => {
                result.push('$');
                result.push(letter);
                rest = &after[letter.len_utf8()..];
            }
        }
    }
    result.push_str(rest);
    Kind::String(result)
}
