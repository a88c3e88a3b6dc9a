//! A Secret that manifests or values use is made by somebody.

use std::collections::BTreeSet;

use crate::{
    claim::Claim,
    code,
    compile::Model,
    diagnostic::{Diagnostic, Severity, nearest},
    knowledge,
    plan::UnitId,
    references::SecretUse,
    source::Sources,
};

/// Every certain use against everybody who makes Secrets.
pub fn check(model: &Model, _: &Sources, found: &mut Vec<Diagnostic>) {
    let makers = &model.secret_makers;
    let operated = operated(model);
    let mut reported = BTreeSet::new();
    for (id, (unit, output)) in model.plan.units.iter().zip(&model.units).enumerate() {
        for SecretUse { namespace, name, place, is_certain } in &output.secret_uses {
            let namespace = namespace.as_ref().unwrap_or(&unit.namespace);
            let is_made = makers.contains_key(&(namespace.clone(), name.clone()));
            let by_operator = operated
                .iter()
                .any(|claim| claim.object.namespace.as_ref() == Some(namespace) && stems(name, &claim.object.name));
            let by_operator = by_operator || is_of_operator(model, namespace, name);
            if is_made || !is_certain || by_operator || is_doubtful(model, namespace) {
                continue;
            }
            if !reported.insert((namespace, name, *place)) {
                continue;
            }
            // Everything that uses it lacks the same Secret.
            let cause = format!("Secret {namespace}/{name}");
            let mut finding =
                Diagnostic::new(code!("secret-unmade"), format!("nobody makes the Secret `{namespace}/{name}`"))
                    .at(*place, "")
                    .about(format!("Secret:{namespace}/{name}"))
                    .breaks(cause.clone())
                    .follows(cause);
            if let Some(release) = release(model, id, namespace, name) {
                finding = finding
                    .severity(Severity::Warning)
                    .note(format!("unless the chart of `{release}` does, whose release its name begins with"));
            }
            let here = makers.keys().filter(|(other, _)| other == namespace).map(|(_, name)| name.as_str());
            let elsewhere = makers.keys().find(|(_, other)| other == name);
            found.push(match (nearest(name, here), elsewhere) {
                (Some(near), _) => finding.help(format!("did you mean `{near}`?")),
                (None, Some((other, _))) => finding
                    .note(format!("there is one of that name in the namespace `{other}`; pods see only those of their own"))
                    .help(format!("make it in `{namespace}` too, or say who copies it: `provides = [\"secret/{namespace}/{name}\"]`")),
                (None, None) if *namespace != unit.namespace => finding
                    .help(format!("declare it in a service of the namespace `{namespace}`: `secrets = {{ {name} = {{ sealed = [\"…\"] }} }}`"))
                    .help(format!("or say who makes it: `provides = [\"secret/{namespace}/{name}\"]`")),
                (None, None) => finding
                    .help(format!("declare it in [{}]: `secrets = {{ {name} = {{ sealed = [\"…\"] }} }}`", unit.title()))
                    .help(format!("or say who makes it: `provides = [\"secret/{namespace}/{name}\"]`")),
            });
        }
    }
}

/// Custom resources whose operator may make Secrets under their name: a database and its password.
fn operated(model: &Model) -> Vec<&Claim> {
    // What OpenTofu makes for a Terraform object is written in its code, which lies in the repository.
    let may = |claim: &&Claim| {
        let object = &claim.object;
        object.group != "infra.contrib.fluxcd.io" && knowledge::may_make_secrets(&object.group, &object.kind)
    };
    model.claims.iter().filter(may).collect()
}

/// Whether an operator makes it for an object of the namespace, under this very name.
fn is_of_operator(model: &Model, namespace: &str, name: &str) -> bool {
    model.claims.iter().map(|claim| &claim.object).any(|object| {
        object.namespace.as_deref() == Some(namespace)
            && knowledge::secret_of(&object.group, &object.kind, &object.name).as_deref() == Some(name)
    })
}

/// Whether a name is another one with something behind it.
fn stems(name: &str, from: &str) -> bool {
    name.strip_prefix(from).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Whether a template of this namespace could not be read: it may make the Secret.
fn is_doubtful(model: &Model, namespace: &str) -> bool {
    model.plan.units.iter().zip(&model.units).any(|(unit, output)| output.broken && unit.namespace == namespace)
}

/// A release of the namespace whose chart may make the Secret. What a release's own values name is what its chart is given.
fn release<'m>(model: &'m Model, user: UnitId, namespace: &str, name: &str) -> Option<&'m str> {
    let in_values = model.units[user].values.is_some();
    let mut all = model.plan.units.iter().zip(&model.units).enumerate();
    all.find_map(|(id, (unit, output))| {
        let release = output.release.as_ref()?;
        let is_own = id == user && in_values;
        (!is_own && unit.namespace == namespace && stems(name, &release.name)).then_some(release.name.as_str())
    })
}
