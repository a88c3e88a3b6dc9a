//! `[issuers]`: ACME issuers of cert-manager (`cert-manager.io/v1`).

use serde_json::{Value, json};

use super::{Context, Made};
use crate::{
    code,
    diagnostic::{Diagnostic, nearest},
    node::{Part, escape},
    plan::Makes,
};

/// One ClusterIssuer for each.
pub fn make(context: &Context<'_>, made: &mut Made) {
    if context.unit.makes != Makes::Issuers {
        return;
    }
    for (name, issuer) in &context.inventory.issuers {
        let pointer = format!("/issuers/{}", escape(name));
        let Some(solver) = solver(context, &issuer.solver) else {
            let place = context.root.place_of(&format!("{pointer}/solver"), Part::Value);
            made.findings.push(solver_unknown(context, name, &issuer.solver, place));
            continue;
        };
        let server = match issuer.acme.as_str() {
            "production" => "https://acme-v02.api.letsencrypt.org/directory",
            "staging" => "https://acme-staging-v02.api.letsencrypt.org/directory",
            url => url,
        };
        if !server.starts_with("https://") {
            let place = context.root.place_of(&format!("{pointer}/acme"), Part::Value);
            made.findings.push(
                Diagnostic::new(code!("value-unknown"), format!("`acme` of issuer `{name}` cannot be `{server}`"))
                    .at(place, "")
                    .help("write `production`, `staging` or the https URL of an ACME directory"),
            );
            continue;
        }
        let mut acme = json!({ "server": server });
        if let Some(email) = &issuer.email {
            acme["email"] = json!(email);
        }
        acme["privateKeySecretRef"] = json!({ "name": format!("{name}-account-key") });
        acme["solvers"] = json!([solver]);
        let object = json!({
            "apiVersion": "cert-manager.io/v1",
            "kind": "ClusterIssuer",
            "metadata": { "name": name },
            "spec": { "acme": acme },
        });
        made.object(format!("{name}.issuer.yaml"), pointer, object);
    }
}

fn solver_unknown(context: &Context<'_>, issuer: &str, solver: &str, place: crate::source::Place) -> Diagnostic {
    let finding =
        Diagnostic::new(code!("solver-unknown"), format!("issuer `{issuer}` has no solver `{solver}`")).at(place, "");
    let known = context.solvers.keys().map(String::as_str).chain(["http01"]);
    match nearest(solver, known) {
        Some(near) => finding.edit(place, format!("\"{near}\""), format!("did you mean `{near}`?")),
        None => finding.help(format!("write it in `templates/solvers/{solver}.yaml.j2`, or use `http01`")),
    }
}

fn solver(context: &Context<'_>, name: &str) -> Option<Value> {
    if let Some(solver) = context.solvers.get(name) {
        return Some(solver.clone());
    }
    let class = context.plan.only("ingressclass/").map(|(class, _)| class);
    (name == "http01").then(|| match class {
        Some(class) => json!({ "http01": { "ingress": { "ingressClassName": class } } }),
        None => json!({ "http01": { "ingress": {} } }),
    })
}
