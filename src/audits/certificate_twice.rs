//! The certificate of a host is asked for once.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    code,
    diagnostic::Diagnostic,
    flux::{Object, Unit},
    hosts,
    node::{Kind, Node},
    source::Place,
    survey::Survey,
};

/// An Ingress, a Gateway or the values of a release that ask cert-manager for a certificate by annotation.
struct Request {
    who: String,
    issuer: String,
    /// Where the annotation is.
    place: Place,
    hosts: BTreeSet<String>,
}

/// Every Certificate against the annotations of its namespace, and against the other Certificates there.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let mut told = BTreeSet::new();
    for (at, cluster) in survey.clusters.iter().enumerate() {
        let objects = || cluster.units.iter().flat_map(Unit::objects);
        let mut requests: BTreeMap<&str, Vec<Request>> = BTreeMap::new();
        for object in objects() {
            let home = object.id.namespace.as_deref().unwrap_or_default();
            if matches!(object.id.kind.as_str(), "Ingress" | "Gateway") {
                requests.entry(home).or_default().extend(of_object(object));
            }
        }
        for release in survey.releases.iter().filter(|release| release.cluster == at) {
            let who = format!("HelmRelease `{}`", release.object.name);
            in_values(&release.values, &who, requests.entry(&release.target_namespace).or_default());
        }
        let mut by_home: BTreeMap<&str, Vec<&Object>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let is_certificate = |object: &&Object| object.id.group == "cert-manager.io" && object.id.kind == "Certificate";
        for certificate in objects().filter(is_certificate).filter(|object| seen.insert(&object.id)) {
            by_home.entry(certificate.id.namespace.as_deref().unwrap_or_default()).or_default().push(certificate);
        }
        for (home, certificates) in by_home {
            for certificate in &certificates {
                for request in requests.get(home).into_iter().flatten() {
                    if told.insert((certificate.place, request.place)) {
                        found.extend(by_annotation(certificate, request));
                    }
                }
            }
            twins(&certificates, &mut told, found);
        }
    }
}

fn of_object(object: &Object) -> Option<Request> {
    let (issuer, place) = issuer(object.node.at(["metadata", "annotations"])?)?;
    let mut hosts = BTreeSet::new();
    for tls in object.node.at(["spec", "tls"]).map(Node::items).unwrap_or_default() {
        hosts.extend(
            tls.get("hosts")
                .map(Node::items)
                .unwrap_or_default()
                .iter()
                .filter_map(Node::as_str)
                .map(str::to_lowercase),
        );
    }
    for listener in object.node.at(["spec", "listeners"]).map(Node::items).unwrap_or_default() {
        let host = listener.get("hostname").filter(|_| listener.get("tls").is_some());
        hosts.extend(host.and_then(Node::as_str).map(str::to_lowercase));
    }
    Some(Request { who: format!("{} `{}`", object.id.kind, object.id.name), issuer, place, hosts })
}

/// The parts of values that look like an Ingress: annotations with an issuer, and hosts beside them.
fn in_values(values: &Node, who: &str, found: &mut Vec<Request>) {
    if values.get("enabled").is_some_and(|flag| flag.kind == Kind::Bool(false)) {
        return;
    }
    if let Some((issuer, place)) = values.get("annotations").and_then(issuer) {
        let mut hosts = BTreeSet::new();
        for entry in values.entries().iter().filter(|entry| entry.key != "annotations") {
            names(&entry.value, &mut hosts);
        }
        found.push(Request { who: who.to_owned(), issuer, place, hosts });
    }
    values.entries().iter().for_each(|entry| in_values(&entry.value, who, found));
    values.items().iter().for_each(|item| in_values(item, who, found));
}

fn names(node: &Node, found: &mut BTreeSet<String>) {
    match &node.kind {
        Kind::String(text) => found.extend(hosts::is_host(text).then(|| text.to_lowercase())),
        _ => {
            node.items().iter().for_each(|item| names(item, found));
            node.entries().iter().for_each(|entry| names(&entry.value, found));
        }
    }
}

fn issuer(annotations: &Node) -> Option<(String, Place)> {
    let named = ["cert-manager.io/cluster-issuer", "cert-manager.io/issuer"]
        .into_iter()
        .find_map(|key| annotations.get(key))?;
    Some((named.as_str()?.to_owned(), named.place))
}

fn by_annotation(certificate: &Object, request: &Request) -> Option<Diagnostic> {
    let name = hosts_of(certificate)
        .find(|name| name.as_str().is_some_and(|host| request.hosts.contains(&host.to_lowercase())))?;
    let host = name.as_str()?;
    let finding = Diagnostic::new(
        code!("certificate-twice"),
        format!(
            "the certificate of `{host}` is asked for by Certificate `{}` and by the annotation of {}",
            certificate.id.name, request.who
        ),
    );
    Some(
        finding
            .at(request.place, format!("cert-manager makes a Certificate of the issuer `{}` for this", request.issuer))
            .at(name.place, "and this is another")
            .note("two Certificates for one host renew apart, and take each other's Secret where they share it")
            .help("take the annotation out, or the Certificate")
            .about(host),
    )
}

fn hosts_of(certificate: &Object) -> impl Iterator<Item = &Node> {
    certificate.node.at(["spec", "dnsNames"]).map(Node::items).unwrap_or_default().iter()
}

/// Certificates of one namespace that ask the same issuer for the same hosts.
fn twins(certificates: &[&Object], told: &mut BTreeSet<(Place, Place)>, found: &mut Vec<Diagnostic>) {
    let mut known: BTreeMap<(BTreeSet<&str>, String), &Object> = BTreeMap::new();
    for certificate in certificates {
        let spec =
            |key: &str| certificate.node.at(["spec", key]).map(|node| node.to_json().to_string()).unwrap_or_default();
        let names: BTreeSet<&str> = hosts_of(certificate).filter_map(Node::as_str).collect();
        // Several keys or usages for one host are meant.
        let rest =
            ["issuerRef", "privateKey", "usages", "commonName", "ipAddresses", "uris", "isCA", "subject", "keystores"]
                .map(spec)
                .join("\n");
        let Some(first) = names.iter().next().copied() else { continue };
        let Some(other) = known.get(&(names.clone(), rest.clone())).copied() else {
            known.insert((names, rest), certificate);
            continue;
        };
        if told.insert((other.place, certificate.place)) {
            found.push(
                Diagnostic::new(
                    code!("certificate-twice"),
                    format!(
                        "the Certificates `{}` and `{}` ask the same issuer for `{first}`",
                        other.id.name, certificate.id.name
                    ),
                )
                .at(certificate.name_place(), "")
                .at(other.name_place(), "the other one")
                .note("public issuers allow only a few certificates a week for the same hosts")
                .help("keep one, and let both users name its Secret")
                .about(first),
            );
        }
    }
}
