//! New names: the namespace, prefix and suffix of a kustomization, and the hash of what a generator made.

use std::{collections::HashMap, fmt::Write as _, hash::RandomState};

use super::{
    Resource, Stop, edit, fails,
    field_specs::{FieldSpec, Make},
    id::Identity,
    patch::written,
};
use crate::{
    code,
    diagnostic::Diagnostic,
    node::{Kind, Node},
    source::{Place, Sources},
};

/// Kinds whose names are part of what they say, or known to others under that name.
const KEEPS_NAME: [(&str, &str); 3] =
    [("", "CustomResourceDefinition"), ("apiregistration.k8s.io", "APIService"), ("", "Namespace")];

/// Which subjects of role bindings follow into the namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subjects {
    /// Those called `default`.
    Default,
    /// Every ServiceAccount.
    ServiceAccounts,
    /// None.
    None,
}

/// Puts objects into a namespace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Namespacing<'a> {
    /// The namespace, with its place.
    pub namespace: &'a Node,
    /// The fields that hold a namespace.
    pub fields: &'a [FieldSpec],
    pub subjects: Subjects,
    /// Whether a namespace that is already set stays.
    pub unset_only: bool,
}

impl Namespacing<'_> {
    pub fn apply(&self, resources: &mut [Resource]) -> Result<(), Stop> {
        for resource in resources.iter_mut() {
            resource.remember();
            self.move_one(&mut resource.object)?;
            resource.marks.namespace_is_untyped = false;
        }
        unique(resources, self.namespace.place)
    }

    fn move_one(&self, object: &mut Node) -> Result<(), Stop> {
        let place = self.namespace.place;
        let identity = Identity::of(object);
        let is_core = identity.group.is_empty() && identity.version == "v1";
        let is_binding = matches!(&*identity.kind, "RoleBinding" | "ClusterRoleBinding");
        if !identity.is_cluster_scoped() {
            let Some(metadata) = edit::map_at(object, &["metadata"], place) else {
                return Err(fails("the `metadata` of an object must be a map", place));
            };
            if metadata.get("namespace").is_none() {
                metadata.set("namespace", place, Node { place, kind: Kind::Null });
            }
            self.set(metadata.get_mut("namespace").expect("it was just made"))?;
        }
        if is_binding {
            self.move_subjects(object)?;
        }
        let fields = self.fields.iter().filter(|field| match field.path.as_str() {
            "metadata/namespace" => false,
            // Only the core's Namespace is one; other groups have kinds of that name.
            "metadata/name" => is_core,
            "subjects/namespace" => !(is_binding && matches!(&*field.kind, "RoleBinding" | "ClusterRoleBinding")),
            _ => true,
        });
        for field in fields {
            field.visit(object, Make::Scalar, place, &mut |node| self.set(node))?;
        }
        Ok(())
    }

    fn move_subjects(&self, object: &mut Node) -> Result<(), Stop> {
        let wanted = match self.subjects {
            Subjects::Default => ("name", "default"),
            Subjects::ServiceAccounts => ("kind", "ServiceAccount"),
            Subjects::None => return Ok(()),
        };
        let Some(subjects) = object.get_mut("subjects").filter(|subjects| !edit::is_null(subjects)) else {
            return Ok(());
        };
        let place = subjects.place;
        let Some(subjects) = subjects.items_mut() else {
            return Err(fails("the `subjects` of a role binding must be a list", place));
        };
        for subject in subjects {
            match (&subject.kind, subject.get(wanted.0).map(|value| &value.kind)) {
                (Kind::Null, _) => continue,
                (Kind::Map(_), Some(Kind::Map(_) | Kind::List(_))) => {
                    return Err(fails(format!("the `{}` of a subject must be a text", wanted.0), subject.place));
                }
                (Kind::Map(_), _) => {}
                _ => return Err(fails("a subject of a role binding must be a map", subject.place)),
            }
            if subject.get(wanted.0).and_then(Node::as_str) != Some(wanted.1) {
                continue;
            }
            let place = self.namespace.place;
            if subject.get("namespace").is_none() {
                subject.set("namespace", place, Node { place, kind: Kind::Null });
            }
            self.set(subject.get_mut("namespace").expect("it was just made"))?;
        }
        Ok(())
    }

    fn set(&self, node: &mut Node) -> Result<(), Stop> {
        match &node.kind {
            Kind::Map(_) | Kind::List(_) => Err(fails("a namespace must be a text", node.place)),
            Kind::Null => {
                *node = self.namespace.clone();
                Ok(())
            }
            _ if self.unset_only && node.as_str() != Some("") => Ok(()),
            _ => {
                *node = self.namespace.clone();
                Ok(())
            }
        }
    }
}

/// Fails where two objects have become one.
fn unique(resources: &[Resource], place: Place) -> Result<(), Stop> {
    let Some((first, second)) = twice(resources.iter()) else { return Ok(()) };
    let identity = second.identity();
    let mut message = format!("two objects become {} `{}`", identity.kind, identity.name);
    if !identity.is_cluster_scoped() {
        let _ = write!(message, " in namespace `{}`", identity.namespace);
    }
    let diagnostic = Diagnostic::new(code!("object-twice"), message).at(second.place, "");
    let diagnostic = diagnostic.at(first.place, "the other").at(place, "this namespace is put on both");
    Err(Stop::Fails(Box::new(diagnostic)))
}

/// Two objects that are one to kustomize, if there are any.
pub(super) fn twice<'r>(resources: impl Iterator<Item = &'r Resource>) -> Option<(&'r Resource, &'r Resource)> {
    let hasher = RandomState::new();
    let mut seen: HashMap<u64, Vec<&Resource>> = HashMap::new();
    for resource in resources {
        let identity = resource.identity();
        let same = seen.entry(identity.hash_with(&hasher)).or_default();
        if let Some(first) = same.iter().find(|first| first.identity().is_same(&identity)) {
            return Some((first, resource));
        }
        same.push(resource);
    }
    None
}

/// Which end of a name is added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Prefix,
    Suffix,
}

/// Adds a prefix or suffix to names.
pub(super) fn extend(
    resources: &mut [Resource],
    end: End,
    text: &str,
    fields: &[FieldSpec],
    sources: &Sources,
) -> Result<(), Stop> {
    for resource in resources {
        let original = resource.original();
        if KEEPS_NAME
            .iter()
            .any(|(group, kind)| original.kind == *kind && (group.is_empty() || original.group == *group))
        {
            continue;
        }
        for field in fields.iter().filter(|field| field.selects(&original.group, &original.version, &original.kind)) {
            if field.path == "metadata/name" && !text.is_empty() {
                match end {
                    End::Prefix => resource.marks.prefixes.push(text.to_owned()),
                    End::Suffix => resource.marks.suffixes.push(text.to_owned()),
                }
                resource.remember();
            }
            resource.marks.name_is_untyped |= field.path == "metadata/name";
            let place = resource.place;
            field.visit(&mut resource.object, Make::Scalar, place, &mut |node| {
                let name = match &node.kind {
                    Kind::Map(_) | Kind::List(_) => return Err(fails("a name must be a text", node.place)),
                    _ => written(node, sources).into_owned(),
                };
                node.kind = Kind::String(match end {
                    End::Prefix => format!("{text}{name}"),
                    End::Suffix => format!("{name}{text}"),
                });
                Ok(())
            })?;
        }
    }
    Ok(())
}
