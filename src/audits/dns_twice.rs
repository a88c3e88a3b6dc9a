//! DNS zones, records and clients of identity providers have one owner, over all tools.

use std::collections::BTreeMap;

use crate::{
    claims::{Certainty, terraform::Resource},
    code,
    diagnostic::{Diagnostic, Severity},
    flux::{Object, Unit},
    hosts::{self, By, Served},
    node::{Kind, Node},
    source::Place,
    survey::Survey,
};

/// What Terraform keeps, against what controllers of the cluster keep.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    zones(survey, found);
    records(survey, found);
    clients(survey, found);
}

fn finding(what: &str, name: &str, resource: &Resource, other: Place, who: &str, note: &str) -> Diagnostic {
    let severity = if resource.certainty == Certainty::Possible { Severity::Note } else { Severity::Warning };
    Diagnostic::new(
        code!("dns-twice"),
        format!("the {what} `{name}` is kept by Terraform (`{}`) and by {who}", resource.address),
    )
    .severity(severity)
    .at(resource.place, format!("kept by `{resource}`"))
    .at(other, format!("kept by {who}"))
    .note(note)
    .help("let one of them keep it, and take it out of the other")
    .about(name)
}

fn objects(survey: &Survey) -> impl Iterator<Item = &Object> {
    survey.clusters.iter().flat_map(|cluster| &cluster.units).flat_map(Unit::objects)
}

/// Zones of the PowerDNS operator (`dns.cav.enablers.ob/v1alpha2`) that Terraform's provider for PowerDNS has as well.
fn zones(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let kept = survey.terraform.zones.iter().filter(|zone| zone.resource.kind.starts_with("powerdns_"));
    let kept: BTreeMap<String, _> =
        kept.map(|zone| (zone.name.text.trim_end_matches('.').to_lowercase(), zone)).collect();
    if kept.is_empty() {
        return;
    }
    for object in objects(survey).filter(|object| object.id.group == "dns.cav.enablers.ob") {
        let name = object.id.name.trim_end_matches('.').to_lowercase();
        let Some(zone) = kept.get(&name).filter(|_| matches!(object.id.kind.as_str(), "Zone" | "ClusterZone")) else {
            continue;
        };
        let who = format!("{} `{}`", object.id.kind, object.id.name);
        let note = "the second to come finds the zone there and fails; whoever is taken away deletes the zone with all its records";
        found.push(finding("DNS zone", &name, &zone.resource, object.name_place(), &who, note));
    }
}

/// An ExternalDNS that runs in a cluster.
struct ExternalDns {
    /// As it calls the provider: `cloudflare`.
    provider: String,
    /// The zones it keeps to; it keeps to none without one.
    zones: Vec<String>,
    /// `ingress`, `gateway-httproute`, `crd`, ….
    sources: Vec<String>,
}

impl ExternalDns {
    fn keeps(&self, host: &str) -> bool {
        self.zones.is_empty() || self.zones.iter().any(|zone| host == zone || host.ends_with(&format!(".{zone}")))
    }

    fn reads(&self, served: &Served) -> bool {
        let source = match served.who.split(' ').next().unwrap_or_default() {
            "Ingress" => "ingress",
            "HTTPRoute" => "gateway-httproute",
            "DNSEndpoint" => "crd",
            "Service" => "service",
            _ => return false,
        };
        self.sources.iter().any(|known| known == source)
    }
}

/// Records that Terraform makes at the provider where ExternalDNS makes them.
fn records(survey: &Survey, found: &mut Vec<Diagnostic>) {
    if survey.terraform.records.is_empty() {
        return;
    }
    let running: Vec<Vec<ExternalDns>> = (0..survey.clusters.len()).map(|at| external_dns(survey, at)).collect();
    let served = hosts::served(survey);
    for record in &survey.terraform.records {
        let is_address = record.kind.as_deref().is_some_and(|kind| matches!(kind, "A" | "AAAA" | "CNAME"));
        let Some(host) = record.host().filter(|_| is_address) else { continue };
        let provider = provider_of(&record.resource.kind);
        let other = served.iter().find(|one| {
            let Some(cluster) = one.cluster.filter(|_| one.host == host && one.by != By::Certificate) else {
                return false;
            };
            running[cluster]
                .iter()
                .any(|dns| Some(dns.provider.as_str()) == provider && dns.keeps(&host) && dns.reads(one))
        });
        if let Some(other) = other {
            let who = format!("ExternalDNS, for {}", other.who);
            let note = "ExternalDNS does not touch a record that it has not made: what the cluster says about this host never arrives";
            found.push(finding("DNS record", &host, &record.resource, other.place, &who, note));
        }
    }
}

/// The provider of a resource, as ExternalDNS calls it.
fn provider_of(kind: &str) -> Option<&'static str> {
    const PROVIDERS: &[(&str, &str)] = &[
        ("cloudflare_", "cloudflare"),
        ("aws_route53_", "aws"),
        ("google_dns_", "google"),
        ("powerdns_", "pdns"),
        ("digitalocean_", "digitalocean"),
        ("linode_", "linode"),
        ("azurerm_dns_", "azure"),
        ("ovh_", "ovh"),
        ("scaleway_", "scaleway"),
    ];
    PROVIDERS.iter().find(|(start, _)| kind.starts_with(start)).map(|(_, name)| *name)
}

/// Every ExternalDNS of a cluster whose settings tell what it keeps; one that keeps to labels or annotations keeps what we cannot tell.
fn external_dns(survey: &Survey, cluster: usize) -> Vec<ExternalDns> {
    let mut found = Vec::new();
    let releases = survey.releases.iter().filter(|release| release.cluster == cluster && release.has_all_values);
    for release in releases.filter(|release| release.chart.as_ref().is_some_and(|chart| chart.name == "external-dns")) {
        let values = &release.values;
        let list = |key: &str| -> Vec<String> {
            let items = values.get(key).map(Node::items).unwrap_or_default();
            items.iter().filter_map(Node::as_str).map(str::to_owned).collect()
        };
        let provider = values.at(["provider", "name"]).or_else(|| values.get("provider")).and_then(Node::as_str);
        let narrows =
            ["annotationFilter", "labelFilter", "extraArgs"].iter().any(|key| values.get(key).is_some_and(says_filter));
        // Without sources the chart takes Services and Ingresses.
        let sources = match values.get("sources") {
            Some(_) => list("sources"),
            None => vec!["service".to_owned(), "ingress".to_owned()],
        };
        if let Some(provider) = provider.filter(|_| !narrows) {
            found.push(ExternalDns { provider: provider.to_owned(), zones: list("domainFilters"), sources });
        }
    }
    for object in
        survey.clusters[cluster].units.iter().flat_map(Unit::objects).filter(|object| object.id.kind == "Deployment")
    {
        let containers =
            object.node.at(["spec", "template", "spec", "containers"]).map(Node::items).unwrap_or_default();
        let is_dns = |container: &&Node| {
            container
                .get("image")
                .and_then(Node::as_str)
                .is_some_and(|image| image.contains("external-dns/external-dns"))
        };
        for container in containers.iter().filter(is_dns) {
            let arguments: Vec<&str> =
                container.get("args").map(Node::items).unwrap_or_default().iter().filter_map(Node::as_str).collect();
            let all = |name: &str| {
                arguments
                    .iter()
                    .filter_map(|one| one.strip_prefix(name)?.strip_prefix('='))
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            let narrows = arguments.iter().any(|one| one.contains("annotation-filter") || one.contains("label-filter"));
            if let Some(provider) = all("--provider").into_iter().next().filter(|_| !narrows) {
                found.push(ExternalDns { provider, zones: all("--domain-filter"), sources: all("--source") });
            }
        }
    }
    found
}

fn says_filter(node: &Node) -> bool {
    match &node.kind {
        Kind::String(text) => !text.is_empty(),
        _ => {
            node.items().iter().filter_map(Node::as_str).any(|text| text.contains("filter"))
                || !node.entries().is_empty()
        }
    }
}

/// OAuth2 providers and applications of authentik that a blueprint in a ConfigMap keeps and Terraform keeps as well.
fn clients(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let kept: Vec<_> =
        survey.terraform.clients.iter().filter(|client| client.resource.kind.starts_with("authentik_")).collect();
    if kept.is_empty() {
        return;
    }
    for object in objects(survey).filter(|object| object.id.group.is_empty() && object.id.kind == "ConfigMap") {
        for entry in object.node.get("data").map(Node::entries).unwrap_or_default() {
            let is_blueprint = entry.value.as_str().is_some_and(|text| text.contains("model: authentik_"));
            let blueprints =
                is_blueprint.then(|| crate::claims::documents(&survey.repository.sources, &entry.value)).flatten();
            for model in
                blueprints.iter().flatten().filter_map(|blueprint| blueprint.get("entries")).flat_map(Node::items)
            {
                let text = |path: &[&str]| {
                    model.at(path.iter().copied()).filter(|node| node.as_str().is_some_and(|text| !text.is_empty()))
                };
                let names =
                    [["attrs", "client_id"], ["identifiers", "client_id"], ["identifiers", "slug"], ["attrs", "slug"]];
                for id in names.iter().filter_map(|path| text(path)) {
                    let client = kept.iter().find(|client| {
                        client.id.as_ref().is_some_and(|known| Some(known.text.as_str()) == id.as_str())
                    });
                    if let Some(client) = client {
                        let known = client.id.as_ref().expect("it was found by its id");
                        let who = format!("the blueprint in ConfigMap `{}`", object.id.name);
                        let note =
                            "authentik applies its blueprints again every hour, and undoes what Terraform has set";
                        found.push(finding("client", &known.text, &client.resource, id.place, &who, note));
                    }
                }
            }
        }
    }
}
