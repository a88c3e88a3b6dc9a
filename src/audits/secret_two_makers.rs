//! A Secret is made by one controller only.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    code,
    diagnostic::{Diagnostic, Severity},
    node::Node,
    source::Place,
    supply::{Kind, Maker, Stored, makers},
    survey::Survey,
};

/// Every Secret with two makers that take it from each other.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    // A base of several clusters is wrong once.
    let mut told: BTreeSet<(Stored, Vec<Place>)> = BTreeSet::new();
    for at in 0..survey.clusters.len() {
        let shared = shared(survey, at);
        for (stored, all) in makers(survey, at).all().filter(|(stored, _)| stored.kind == Kind::Secret) {
            let mut rivals: BTreeMap<String, &Maker> = BTreeMap::new();
            for maker in all.iter().filter(|maker| claims_all(maker) && !shared.contains(&maker.place)) {
                rivals.entry(maker.who.clone()).or_insert(maker);
            }
            let rivals: Vec<&Maker> = rivals.into_values().collect();
            let places = rivals.iter().map(|maker| maker.place).collect();
            if rivals.len() > 1 && told.insert((stored.clone(), places)) {
                found.push(finding(stored, &rivals));
            }
        }
    }
}

/// Whether a maker is a controller, or Flux itself, that wants the whole Secret.
fn claims_all(maker: &Maker) -> bool {
    let Some(object) = &maker.object else { return false };
    matches!(
        (object.group.as_str(), object.kind.as_str()),
        ("", "Secret")
            | ("bitnami.com", "SealedSecret")
            | ("external-secrets.io", "ExternalSecret")
            | ("cert-manager.io", "Certificate")
            | ("infra.contrib.fluxcd.io", "Terraform")
    )
}

/// Where makers are written that say themselves that they share: an ExternalSecret that merges, a SealedSecret that patches, a Secret
/// that somebody else is to fill.
fn shared(survey: &Survey, cluster: usize) -> BTreeSet<Place> {
    let mut shared = BTreeSet::new();
    for object in survey.clusters[cluster].units.iter().flat_map(crate::flux::Unit::objects) {
        let node = &object.node;
        let text = |path: &[&str]| node.at(path.iter().copied()).and_then(Node::as_str);
        let policy = text(&["spec", "target", "creationPolicy"]).unwrap_or("Owner");
        let annotated = |path: &[&str]| {
            let annotations = node.at(path.iter().copied()).map(Node::entries).unwrap_or_default();
            annotations
                .iter()
                .any(|one| one.key.starts_with("sealedsecrets.bitnami.com/") && one.value.as_str() == Some("true"))
        };
        let ssa = text(&["metadata", "annotations", "kustomize.toolkit.fluxcd.io/ssa"]);
        let shares = match object.id.kind.as_str() {
            "ExternalSecret" => policy != "Owner",
            "SealedSecret" => annotated(&["spec", "template", "metadata", "annotations"]),
            "Secret" => {
                let is_empty =
                    ["data", "stringData"].iter().all(|key| node.get(key).is_none_or(|data| data.entries().is_empty()));
                is_empty || ssa.is_some() || annotated(&["metadata", "annotations"])
            }
            _ => false,
        };
        if shares {
            let own = node.at(["metadata", "name"]);
            let names = [own, node.at(["spec", "target", "name"]), node.at(["spec", "template", "metadata", "name"])];
            shared.extend(names.into_iter().flatten().map(|name| name.place));
        }
    }
    shared
}

fn finding(stored: &Stored, rivals: &[&Maker]) -> Diagnostic {
    let names: Vec<String> = rivals.iter().map(|maker| maker.who.clone()).collect();
    let message = format!("the Secret `{}/{}` is made by {}", stored.namespace, stored.name, names.join(" and "));
    let mut finding = Diagnostic::new(code!("secret-two-makers"), message).severity(Severity::Error);
    for maker in rivals {
        finding = finding.at(maker.place, "");
    }
    finding.note(consequence(rivals)).help("give one of them another name, or take it out").about(stored.to_string())
}

fn consequence(rivals: &[&Maker]) -> &'static str {
    let has = |kind: &str| rivals.iter().any(|maker| maker.object.as_ref().is_some_and(|object| object.kind == kind));
    match (has("Secret"), has("SealedSecret"), has("ExternalSecret"), has("Certificate")) {
        (true, true, ..) => {
            "the controller of Sealed Secrets leaves alone a Secret that it has not made: the SealedSecret never becomes ready"
        }
        (true, ..) => "Flux and the controller overwrite each other's data, again and again",
        (_, false, true, false) => "the second ExternalSecret fails: the Secret has an owner",
        (_, false, false, true) => {
            "cert-manager issues a new certificate for each in turn, without end, until the issuer's rate limit stops it"
        }
        _ => "each controller overwrites the data of the other, or fails because the Secret has an owner",
    }
}
