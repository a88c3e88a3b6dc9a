//! `configurations` of a kustomization: more fields for its transformers, and for those of the kustomizations that use it.

use super::{
    Stop,
    accumulate::{Builder, missing},
    fails,
    field_specs::{Configuration, DEFAULTS, FieldSpec, References},
    file::checked_configuration,
    refused, remote,
};
use crate::{
    node::{Kind, Node},
    repository::resolve,
    source::Place,
};

/// The fields that hold so far.
#[derive(Clone, Debug, Default)]
pub(super) enum Configured {
    /// None yet: no kustomization's own part has begun.
    #[default]
    Nothing,
    /// The default ones.
    Defaults,
    /// The default ones and more.
    Own(Box<Configuration>),
}

impl Configured {
    /// The fields.
    pub fn get(&self) -> &Configuration {
        match self {
            Configured::Own(own) => own,
            _ => &DEFAULTS,
        }
    }

    /// The fields, where they are not the default ones.
    pub fn own(&self) -> Option<&Configuration> {
        match self {
            Configured::Own(own) => Some(own),
            _ => None,
        }
    }

    /// Adds other fields.
    pub fn merge(&mut self, other: Configured, place: Place) -> Result<(), Stop> {
        *self = match (std::mem::take(self), other) {
            (this, Configured::Nothing) => this,
            (Configured::Nothing | Configured::Defaults, Configured::Defaults) => Configured::Defaults,
            (this, other) => {
                // Also what is merged into nothing loses the fields that others before them cover.
                let mut all = match this {
                    Configured::Nothing => Configuration::default(),
                    this => this.get().clone(),
                };
                all.merge(other.get(), place)?;
                Configured::Own(Box::new(all))
            }
        };
        Ok(())
    }

    /// The default fields and those of these files.
    pub fn read(builder: &mut Builder<'_>, folder: &str, lines: &[Node]) -> Result<Configured, Stop> {
        let mut configured = Configured::Defaults;
        let mut more = Configuration::default();
        for line in lines {
            more.merge(&file(builder, folder, line)?, line.place)?;
            configured = Configured::Own(Box::default());
        }
        if let Configured::Own(all) = &mut configured {
            **all = DEFAULTS.clone();
            all.merge(&more, lines[0].place)?;
        }
        Ok(configured)
    }
}

fn file(builder: &mut Builder<'_>, folder: &str, line: &Node) -> Result<Configuration, Stop> {
    let path = line.as_str().unwrap_or_default();
    if remote::is_url(path) {
        return Err(refused(format!("the remote file `{path}`"), line.place));
    }
    let target = resolve(folder, path);
    let Some((target, file)) = target.and_then(|target| Some((target.clone(), builder.repository.file(&target)?)))
    else {
        return Err(missing(format!("`{path}` does not exist"), line.place));
    };
    builder.reads.insert(target);
    if let Some(fault) = file.faults().next() {
        return Err(Stop::Fails(Box::new(fault.clone())));
    }
    let Some(root) = file.documents().next() else { return Ok(Configuration::default()) };
    let root = checked_configuration(root)?;
    let specs = |key: &str| root.get(key).map(specs).unwrap_or_default();
    Ok(Configuration {
        name_prefix: specs("namePrefix"),
        name_suffix: specs("nameSuffix"),
        namespace: specs("namespace"),
        common_labels: specs("commonLabels"),
        labels: specs("labels"),
        template_labels: specs("templateLabels"),
        common_annotations: specs("commonAnnotations"),
        name_reference: root.get("nameReference").map_or(&[][..], Node::items).iter().map(references).collect(),
        var_reference: specs("varReference"),
        images: specs("images"),
        replicas: specs("replicas"),
    })
}

/// The field specs that a list holds.
pub(super) fn specs(list: &Node) -> Vec<FieldSpec> {
    let spec = |item: &Node| {
        let text = |key: &str| item.get(key).and_then(Node::as_str).unwrap_or_default();
        let create = item.get("create").is_some_and(|create| create.kind == Kind::Bool(true));
        FieldSpec::new(text("group"), text("version"), text("kind"), text("path"), create)
    };
    list.items().iter().map(spec).collect()
}

fn references(item: &Node) -> References {
    let text = |key: &str| item.get(key).and_then(Node::as_str).unwrap_or_default().to_owned();
    References {
        group: text("group"),
        version: text("version"),
        kind: text("kind"),
        fields: item.get("fieldSpecs").map(specs).unwrap_or_default(),
    }
}

impl Configuration {
    fn merge(&mut self, other: &Configuration, place: Place) -> Result<(), Stop> {
        merge_specs(&mut self.name_prefix, &other.name_prefix, place)?;
        merge_specs(&mut self.name_suffix, &other.name_suffix, place)?;
        merge_specs(&mut self.namespace, &other.namespace, place)?;
        merge_specs(&mut self.common_labels, &other.common_labels, place)?;
        merge_specs(&mut self.labels, &other.labels, place)?;
        merge_specs(&mut self.template_labels, &other.template_labels, place)?;
        merge_specs(&mut self.common_annotations, &other.common_annotations, place)?;
        merge_specs(&mut self.var_reference, &other.var_reference, place)?;
        merge_specs(&mut self.images, &other.images, place)?;
        merge_specs(&mut self.replicas, &other.replicas, place)?;
        for references in &other.name_reference {
            let mut found = false;
            for known in &mut self.name_reference {
                if (&known.group, &known.version, &known.kind)
                    == (&references.group, &references.version, &references.kind)
                {
                    merge_specs(&mut known.fields, &references.fields, place)?;
                    found = true;
                }
            }
            if !found {
                self.name_reference.push(references.clone());
            }
        }
        for specs in [
            &mut self.name_prefix,
            &mut self.name_suffix,
            &mut self.namespace,
            &mut self.common_labels,
            &mut self.labels,
            &mut self.template_labels,
            &mut self.common_annotations,
            &mut self.var_reference,
            &mut self.images,
            &mut self.replicas,
        ] {
            specs.sort_by_cached_key(|spec| order(&spec.group, &spec.version, &spec.kind));
        }
        self.name_reference
            .sort_by_cached_key(|references| order(&references.group, &references.version, &references.kind));
        Ok(())
    }
}

/// Adds field specs that are not covered yet. One of the same kinds and path must agree about `create`.
pub(super) fn merge_specs(all: &mut Vec<FieldSpec>, more: &[FieldSpec], place: Place) -> Result<(), Stop> {
    for spec in more {
        let covers = |known: &&FieldSpec| {
            let agrees = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
            known.path == spec.path
                && agrees(&spec.group, &known.group)
                && agrees(&spec.version, &known.version)
                && agrees(&spec.kind, &known.kind)
        };
        match all.iter().find(covers) {
            None => all.push(spec.clone()),
            Some(known) if known.create == spec.create => {}
            Some(known) => {
                let not = if known.create { "" } else { "not " };
                let message =
                    format!("`{}` is {not}created by another field spec, and the other way round here", spec.path);
                return Err(fails(message, place));
            }
        }
    }
    Ok(())
}

/// What kustomize sorts kinds by: what should exist first comes first, then group, version and kind.
fn order(group: &str, version: &str, kind: &str) -> (usize, String) {
    use super::finish::{ORDER_FIRST, ORDER_LAST};
    let first = ORDER_FIRST.iter().position(|known| *known == kind);
    let last = ORDER_LAST.iter().position(|known| *known == kind);
    let rank = match (first, last) {
        (Some(at), _) => at,
        (None, None) => ORDER_FIRST.len(),
        (None, Some(at)) => ORDER_FIRST.len() + 1 + at,
    };
    let or = |text: &str, default: &'static str| if text.is_empty() { default.to_owned() } else { text.to_owned() };
    (rank, format!("{}_{}_{}", or(group, "~G"), or(version, "~V"), or(kind, "~K")))
}
