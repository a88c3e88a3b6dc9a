//! A host without a backend is a fact for the templates: one that none of them uses leads nowhere.

use crate::{
    code,
    compile::{Body, Model},
    diagnostic::Diagnostic,
    node::Part,
    source::Sources,
};

/// The rendered texts of the unit's whole service.
pub fn check(model: &Model, sources: &Sources, found: &mut Vec<Diagnostic>) {
    for (unit, output) in model.plan.units.iter().zip(&model.units) {
        let Some(host) = &unit.host else { continue };
        let first = model.plan.services.get(&unit.service).copied().unwrap_or_default();
        let family = &model.units[first..first + model.plan.family(&unit.service).len()];
        if unit.facets.backend.is_some() || family.iter().any(|unit| unit.broken) || output.broken {
            continue;
        }
        let texts = family.iter().flat_map(|output| {
            let manifests = output.manifests.iter().filter_map(|manifest| match &manifest.body {
                Body::Template { source, .. } => Some(*source),
                Body::Made { .. } => None,
            });
            manifests.chain(output.values.iter().map(|values| values.source))
        });
        if texts.into_iter().any(|source| sources.get(source).text.contains(&host.fqdn)) {
            continue;
        }
        found.push(
            Diagnostic::new(code!("host-unused"), format!("host `{}` leads nowhere", host.fqdn))
                .at(model.place(&format!("{}/host", unit.pointer), Part::Value), "")
                .note("there is a certificate for it, but no Ingress: no `backend`, and no value or manifest that names it")
                .help("add `backend = \"service:port\"`, or use `{{ host.fqdn }}` in the values of a chart that has an ingress of its own")
                .about(&host.fqdn),
        );
    }
}
