//! References by name, which follow the objects that were renamed.

use std::{collections::HashMap, sync::LazyLock};

use super::{
    Id, Resource, Stop, edit, fails,
    field_specs::{DEFAULTS, FieldSpec, Make, References},
    id::NO_NAMESPACE,
    quotes::Quotes,
    untyped,
};
use crate::{
    node::{Kind, Node},
    source::Sources,
    yaml,
};

/// The default fields by the kind of the referrer, in the order in which they are followed.
static BY_KIND: LazyLock<HashMap<&'static str, Vec<(&'static References, &'static FieldSpec)>>> = LazyLock::new(|| {
    let mut by_kind: HashMap<&str, Vec<_>> = HashMap::new();
    for references in &DEFAULTS.name_reference {
        for field in &references.fields {
            by_kind.entry(field.kind.as_str()).or_default().push((references, field));
        }
    }
    by_kind
});

/// An object that references may mean: it was renamed, or at least put into a namespace.
struct Target {
    current: Id,
    past: Vec<Id>,
    prefixes: Vec<String>,
    suffixes: Vec<String>,
}

/// Lets every reference follow. `custom` are all fields, where they are not the default ones.
pub(super) fn follow(resources: &mut [Resource], custom: Option<&[References]>, sources: &Sources) -> Result<(), Stop> {
    if let Some(lost) = resources.iter().find(|resource| !resource.has_a_past_in_order()) {
        return Err(fails("the object had an empty name, or one with a comma, before it got another", lost.place));
    }
    let renamed = resources.iter().filter(|resource| !resource.past.is_empty());
    let targets: Vec<Target> = renamed
        .map(|resource| Target {
            current: resource.id(),
            past: resource.past_ids(),
            prefixes: resource.marks.prefixes.clone(),
            suffixes: resource.marks.suffixes.clone(),
        })
        .collect();
    let mut by_name: HashMap<&str, Vec<&Target>> = HashMap::new();
    for target in &targets {
        for (at, past) in target.past.iter().enumerate() {
            if !target.past[..at].iter().any(|earlier| earlier.name == past.name) {
                by_name.entry(past.name.as_str()).or_default().push(target);
            }
        }
    }
    for resource in resources {
        let original = resource.original();
        let selected: Vec<(&References, &FieldSpec)> = match custom {
            None => match BY_KIND.get(original.kind.as_str()) {
                None => continue,
                Some(fields) => fields
                    .iter()
                    .filter(|(_, field)| field.selects(&original.group, &original.version, &original.kind))
                    .copied()
                    .collect(),
            },
            Some(custom) => custom
                .iter()
                .flat_map(|references| references.fields.iter().map(move |field| (references, field)))
                .filter(|(_, field)| field.selects(&original.group, &original.version, &original.kind))
                .collect(),
        };
        let referrer = Referrer {
            current: resource.id(),
            prefixes: resource.marks.prefixes.clone(),
            suffixes: resource.marks.suffixes.clone(),
            role: role_of(&resource.object),
            accounts_in: if selected.is_empty() { Vec::new() } else { accounts_in(resource)? },
        };
        for (references, field) in selected {
            let Resource { object, place, marks, .. } = &mut *resource;
            let quotes = &marks.quotes;
            let search = Search { referrer: &referrer, references, field, by_name: &by_name, quotes, sources };
            field.visit_any_kind(object, Make::Nothing, *place, &mut |node| search.set(node))?;
        }
    }
    Ok(())
}

/// What is asked of a referrer when targets are told apart.
struct Referrer {
    current: Id,
    prefixes: Vec<String>,
    suffixes: Vec<String>,
    /// Group and kind that `roleRef` names.
    role: Option<(String, String)>,
    /// The namespaces of the ServiceAccounts that a RoleBinding binds.
    accounts_in: Vec<String>,
}

fn role_of(object: &Node) -> Option<(String, String)> {
    let role = object.get("roleRef")?;
    let text = |key| role.get(key).and_then(edit::scalar_text);
    Some((text("apiGroup")?, text("kind")?))
}

fn accounts_in(binding: &Resource) -> Result<Vec<String>, Stop> {
    let object = &binding.object;
    if object.get("kind").and_then(Node::as_str) != Some("RoleBinding") || binding.identity().is_cluster_scoped() {
        return Ok(Vec::new());
    }
    let subjects = object.get("subjects").map_or(&[][..], Node::items);
    let mut namespaces = Vec::new();
    for subject in subjects {
        if !matches!(subject.kind, Kind::Map(_)) {
            return Err(fails("a subject of a RoleBinding must be a map", subject.place));
        }
        let (Some(namespace), Some(kind)) = (subject.get("namespace"), subject.get("kind")) else { continue };
        let Some(kind) = kind.as_str() else {
            return Err(fails("the `kind` of a subject must be a text", kind.place));
        };
        if kind == "ServiceAccount" {
            match namespace.as_str() {
                Some(namespace) => namespaces.push(namespace.to_owned()),
                None => return Err(fails("the `namespace` of a ServiceAccount must be a text", namespace.place)),
            }
        }
    }
    Ok(namespaces)
}

impl Referrer {
    /// Whether kustomize thinks that it may refer to an object at all.
    fn may_refer_to(&self, target: &Id) -> bool {
        self.current.is_cluster_scoped()
            || target.is_cluster_scoped()
            || target.effective_namespace() == self.current.effective_namespace()
            || self.accounts_in.contains(&target.namespace)
    }

    fn is_beside(&self, target: &Id) -> bool {
        self.current.is_cluster_scoped()
            || target.is_cluster_scoped()
            || target.kind == "ServiceAccount"
            || target.effective_namespace() == self.current.effective_namespace()
    }
}

/// One field of one referrer.
struct Search<'s> {
    referrer: &'s Referrer,
    references: &'s References,
    field: &'s FieldSpec,
    by_name: &'s HashMap<&'s str, Vec<&'s Target>>,
    quotes: &'s Quotes,
    sources: &'s Sources,
}

impl<'s> Search<'s> {
    fn set(&self, node: &mut Node) -> Result<(), Stop> {
        match &mut node.kind {
            Kind::Null => Ok(()),
            Kind::Map(_) => self.set_map(node),
            Kind::List(items) => items.iter_mut().try_for_each(|item| match &item.kind {
                Kind::Null => Ok(()),
                Kind::List(_) => Err(fails("a list of references holds a list", item.place)),
                Kind::Map(_) => self.set_map(item),
                _ => self.set_scalar(item),
            }),
            _ => self.set_scalar(node),
        }
    }

    fn set_scalar(&self, node: &mut Node) -> Result<(), Stop> {
        let name = edit::scalar_text(node).unwrap_or_default();
        let target = self.pick(&name, node, |_| true, |first, other| first.name == other.name)?;
        if let Some(target) = target
            && target.current.name != name
        {
            self.rename(node, target);
        }
        Ok(())
    }

    /// Sets a name as kustomize does: without quotes, where the old one has none.
    fn rename(&self, node: &mut Node, target: &Target) {
        let name = &target.current.name;
        node.kind = if yaml::is_text(name) || self.quotes.has(node, self.sources) {
            Kind::String(name.clone())
        } else {
            untyped::read(name, node.place).kind
        };
    }

    /// A reference with a name and perhaps a namespace, both of which follow.
    fn set_map(&self, node: &mut Node) -> Result<(), Stop> {
        let Some(name_node) = node.get("name") else {
            let message = format!("a reference at `{}` has no `name`", self.field.path);
            return Err(fails(message, node.place));
        };
        let name = edit::scalar_text(name_node).unwrap_or_default();
        let namespace = node.get("namespace").map(|namespace| edit::scalar_text(namespace).unwrap_or_default());
        let found = match &namespace {
            None => self.pick(&name, node, |_| true, same_name_and_namespace)?,
            Some(namespace) => {
                // Objects that were in this namespace at first win over those that are in it now, whatever their names.
                let was = |target: &Target| original(target).effective_namespace() == namespace;
                let is = |target: &Target| target.current.effective_namespace() == namespace;
                if namespace == NO_NAMESPACE {
                    None
                } else if self.candidates_in(was) {
                    self.pick(&name, node, was, same_name_and_namespace)?
                } else {
                    self.pick(&name, node, is, same_name_and_namespace)?
                }
            }
        };
        let Some(target) = found else { return Ok(()) };
        let place = node.place;
        if target.current.name != name {
            let name_node = node.get_mut("name").expect("it was just there");
            self.rename(name_node, target);
        }
        if !target.current.namespace.is_empty() {
            let at = node.get("namespace").map_or(place, |namespace| namespace.place);
            if node.get("namespace").and_then(Node::as_str) != Some(target.current.namespace.as_str()) {
                node.set("namespace", place, edit::string(target.current.namespace.clone(), at));
            }
        }
        Ok(())
    }

    fn candidates_in(&self, within: impl Fn(&Target) -> bool) -> bool {
        self.by_name.values().flatten().any(|target| self.referrer.may_refer_to(&target.current) && within(target))
    }

    /// The one object that a name means, if any was renamed.
    fn pick(
        &self,
        name: &str,
        at: &Node,
        within: impl Fn(&Target) -> bool,
        same: impl Fn(&Id, &Id) -> bool,
    ) -> Result<Option<&'s Target>, Stop> {
        let Some(named) = self.by_name.get(name) else { return Ok(None) };
        let by_role = self.field.path.ends_with("roleRef/name").then_some(self.referrer.role.as_ref()).flatten();
        let fits = |target: &Target| {
            self.referrer.may_refer_to(&target.current)
                && within(target)
                && target.past.iter().any(|past| self.references.is_to(past))
                && by_role.is_none_or(|(group, kind)| {
                    let agrees = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
                    target.past.iter().any(|past| agrees(group, &past.group) && agrees(kind, &past.kind))
                })
                && self.referrer.is_beside(&target.current)
        };
        let mut found: Vec<&'s Target> = named.iter().copied().filter(|target| fits(target)).collect();
        if found.len() > 1 {
            found.retain(|target| self.shares_affixes(target, true));
        }
        if found.len() > 1 {
            found.retain(|target| self.shares_affixes(target, false));
        }
        match found.split_first() {
            None => Ok(None),
            Some((first, rest)) if rest.iter().all(|other| same(&first.current, &other.current)) => Ok(Some(first)),
            Some((first, rest)) => {
                let message = format!(
                    "`{name}` may now mean {} `{}` or `{}`",
                    first.current.kind, first.current.name, rest[0].current.name
                );
                Err(fails(message, at.place))
            }
        }
    }

    /// Whether both got the same prefixes and suffixes at the end; `lax`: having none agrees with everything.
    fn shares_affixes(&self, target: &Target, lax: bool) -> bool {
        let share = |ours: &[String], theirs: &[String]| {
            lax && (ours.is_empty() || theirs.is_empty()) || same_ending(ours, theirs)
        };
        share(&self.referrer.prefixes, &target.prefixes) && share(&self.referrer.suffixes, &target.suffixes)
    }
}

fn original(target: &Target) -> &Id {
    target.past.first().unwrap_or(&target.current)
}

fn same_name_and_namespace(first: &Id, other: &Id) -> bool {
    first.name == other.name && first.namespace == other.namespace
}

fn same_ending(first: &[String], second: &[String]) -> bool {
    let (short, long) = if first.len() < second.len() { (first, second) } else { (second, first) };
    if short.is_empty() { long.is_empty() } else { long.ends_with(short) }
}
