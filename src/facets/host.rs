//! `host`, `backend`: a host name with its certificate, and the way to the service.

use serde_json::json;

use super::{Context, Made, Need, What};
use crate::{code, diagnostic::Diagnostic, inventory::BRINGS, node::Part, plan::is_label};

/// Whether a text is the number or the name of a Service's port (RFC 6335: up to 15 letters, digits and hyphens, one a letter).
fn is_port(text: &str) -> bool {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse::<u16>().is_ok_and(|port| port > 0);
    }
    is_label(text) && text.len() <= 15 && text.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// Certificate and Ingress.
pub fn make(context: &Context<'_>, made: &mut Made) {
    let unit = context.unit;
    let Some(host) = &unit.host else {
        if unit.facets.backend.is_some() && unit.facets.host.is_none() {
            made.findings.push(
                Diagnostic::new(
                    code!("backend-without-host"),
                    format!("`{}` has a backend, but no host", unit.label()),
                )
                .at(context.place("backend", Part::Key), "")
                .help("add `host = \"…\"`, or leave `backend` away"),
            );
        }
        return;
    };
    let place = context.place("host", Part::Value);
    certificate(context, made);
    let class = match &unit.facets.ingress_class {
        Some(class) => Some(class.clone()),
        None => context.plan.only("ingressclass/").map(|(class, _)| class.to_owned()),
    };
    if let Some(class) = &class {
        made.needs.push(Need {
            what: What::Capability(format!("ingressclass/{class}")),
            reason: format!("its host `{}` is reached through the ingress class `{class}`", host.fqdn),
            place,
            otherwise: Some(format!("the ingress class `{class}`")),
        });
    }
    let Some(backend) = &unit.facets.backend else { return };
    let at = context.place("backend", Part::Value);
    let Some((service, port)) = backend.split_once(':').filter(|(service, port)| is_label(service) && is_port(port))
    else {
        made.findings.push(
            Diagnostic::new(code!("backend-malformed"), format!("backend `{backend}` is not `service:port`"))
                .at(at, "")
                .help("write the Service's name and the number or name of its port: `web:80`"),
        );
        return;
    };
    let Some(class) = class else {
        let known = known_classes(context);
        let way_out = match known.first() {
            Some(known) => format!("choose one: `ingress-class = \"{known}\"`"),
            None => "add an ingress controller; if its chart is not known here, let its service say \
                     `provides = [\"ingressclass/nginx\"]`"
                .to_owned(),
        };
        let finding = Diagnostic::new(
            code!("ingress-class-unknown"),
            format!("the Ingress of `{}` has no class: {}", unit.label(), classes(&known)),
        )
        .at(at, "")
        .help(way_out)
        .follows(BRINGS);
        // Where there is no class at all, that is one fault, however many hosts there are.
        let finding = if known.is_empty() { finding.breaks("ingressclass/").follows("ingressclass/") } else { finding };
        made.findings.push(finding);
        return;
    };
    let port = port.parse::<u16>().map_or_else(|_| json!({ "name": port }), |number| json!({ "number": number }));
    let ingress = json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": { "name": unit.label(), "namespace": unit.namespace },
        "spec": {
            "ingressClassName": class,
            "rules": [{
                "host": host.fqdn,
                "http": { "paths": [{
                    "path": "/",
                    "pathType": "Prefix",
                    "backend": { "service": { "name": service, "port": port } },
                }] },
            }],
            "tls": [{ "hosts": [host.fqdn], "secretName": host.tls_secret }],
        },
    });
    made.object("ingress.yaml", context.pointer("backend"), ingress);
}

fn known_classes<'c>(context: &Context<'c>) -> Vec<&'c str> {
    let plan = context.plan;
    plan.providers.keys().filter_map(|capability| capability.strip_prefix("ingressclass/")).collect()
}

fn classes(known: &[&str]) -> String {
    let quoted: Vec<String> = known.iter().map(|class| format!("`{class}`")).collect();
    if quoted.is_empty() { "no service brings one".into() } else { format!("services bring {}", quoted.join(", ")) }
}

fn certificate(context: &Context<'_>, made: &mut Made) {
    let unit = context.unit;
    let Some(host) = &unit.host else { return };
    let place = context.place("host", Part::Value);
    let Some(issuer) = &host.issuer else {
        let way_out = match context.inventory.issuers.keys().next() {
            Some(known) => format!("add `[tls]` with `issuer = \"{known}\"`"),
            None => {
                "add `[tls]` with `issuer = \"…\"`: a name in `[issuers]`, or a ClusterIssuer that a service `provides`"
                    .to_owned()
            }
        };
        made.findings.push(
            Diagnostic::new(
                code!("issuer-missing"),
                format!("host `{}` has nobody to issue its certificate", host.fqdn),
            )
            .at(place, "")
            .help(way_out)
            .breaks("/tls/issuer")
            .follows("/tls/issuer"),
        );
        return;
    };
    made.needs.push(Need {
        what: What::Capability(format!("clusterissuer/{issuer}")),
        reason: format!("the certificate of `{}` comes from the issuer `{issuer}`", host.fqdn),
        place,
        otherwise: Some(format!("the issuer `{issuer}`")),
    });
    made.secrets.push((unit.namespace.clone(), host.tls_secret.clone()));
    let certificate = json!({
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": { "name": host.tls_secret, "namespace": unit.namespace },
        "spec": {
            "secretName": host.tls_secret,
            "dnsNames": [host.fqdn],
            "issuerRef": { "group": "cert-manager.io", "kind": "ClusterIssuer", "name": issuer },
        },
    });
    made.object("certificate.yaml", context.pointer("host"), certificate);
}
