//! Host names of a repository: who serves which.

use std::collections::BTreeSet;

use crate::{
    flux::{Object, has_placeholder},
    node::{Kind, Node},
    source::Place,
    survey::Survey,
};

/// How a host is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// An Ingress or a route leads somewhere.
    Route,
    /// The values of a release ask for one.
    Values,
    /// A record of some DNS server.
    Record,
    /// A certificate was asked for, which nobody does for a host that is not there.
    Certificate,
}

/// A host, and somebody who serves it.
#[derive(Clone, Debug)]
pub struct Served {
    /// The host in lower case, perhaps with `*.` in front.
    pub host: String,
    /// How.
    pub by: By,
    /// Where it is written.
    pub place: Place,
    /// Who, in the words of the reader: ``Ingress `web` ``.
    pub who: String,
    /// The names under which people know what is served: of the object, its namespace, its release.
    pub names: BTreeSet<String>,
    /// The cluster; None for what Terraform makes.
    pub cluster: Option<usize>,
}

/// Every host that somebody serves, over all clusters.
pub fn served(survey: &Survey) -> Vec<Served> {
    let mut found = Vec::new();
    for (cluster, units) in survey.clusters.iter().enumerate() {
        for object in units.units.iter().flat_map(crate::flux::Unit::objects) {
            of_object(cluster, object, &mut found);
        }
    }
    for release in &survey.releases {
        let mut add = |host: &str, place: Place| {
            found.push(Served {
                host: host.to_lowercase(),
                by: By::Values,
                place,
                who: format!("HelmRelease `{}`", release.object.name),
                names: [&release.name, &release.namespace, &release.object.name].into_iter().cloned().collect(),
                cluster: Some(release.cluster),
            });
        };
        in_values(&release.values, &mut add);
    }
    for record in &survey.terraform.records {
        if let Some(host) = record.host().filter(|host| is_host(host)) {
            found.push(Served {
                host,
                by: By::Record,
                place: record.name.place,
                who: format!("`{}`", record.resource),
                names: BTreeSet::new(),
                cluster: None,
            });
        }
    }
    found
}

fn of_object(cluster: usize, object: &Object, found: &mut Vec<Served>) {
    let node = &object.node;
    let mut add = |by: By, name: &Node| {
        let Some(host) = name.as_str().filter(|host| is_host(host)) else { return };
        found.push(Served {
            host: host.trim_end_matches('.').to_lowercase(),
            by,
            place: name.place,
            who: format!("{} `{}`", object.id.kind, object.id.name),
            names: object.id.namespace.iter().chain([&object.id.name]).cloned().collect(),
            cluster: Some(cluster),
        });
    };
    let list = |path: &[&str]| node.at(path.iter().copied()).map(Node::items).unwrap_or_default();
    match (object.id.group.as_str(), object.id.kind.as_str()) {
        ("networking.k8s.io" | "extensions", "Ingress") => {
            list(&["spec", "rules"]).iter().filter_map(|rule| rule.get("host")).for_each(|host| add(By::Route, host));
        }
        ("gateway.networking.k8s.io", _) => list(&["spec", "hostnames"]).iter().for_each(|host| add(By::Route, host)),
        ("networking.istio.io", "VirtualService") => {
            for host in list(&["spec", "hosts"]) {
                add(By::Route, host);
            }
        }
        ("projectcontour.io", "HTTPProxy") => {
            node.at(["spec", "virtualhost", "fqdn"]).into_iter().for_each(|host| add(By::Route, host));
        }
        ("traefik.io" | "traefik.containo.us", "IngressRoute" | "IngressRouteTCP") => {
            for rule in list(&["spec", "routes"]).iter().filter_map(|route| route.get("match")) {
                for host in rule.as_str().unwrap_or_default().split('`').skip(1).step_by(2) {
                    add(By::Route, &Node { place: rule.place, kind: Kind::String(host.to_owned()) });
                }
            }
        }
        ("externaldns.k8s.io", "DNSEndpoint") => {
            list(&["spec", "endpoints"])
                .iter()
                .filter_map(|one| one.get("dnsName"))
                .for_each(|host| add(By::Record, host));
        }
        ("cert-manager.io", "Certificate") => {
            for host in list(&["spec", "dnsNames"]) {
                add(By::Certificate, host);
            }
        }
        _ => {}
    }
    let annotations = node.at(["metadata", "annotations"]).map(Node::entries).unwrap_or_default();
    for annotation in annotations.iter().filter(|annotation| annotation.key.ends_with("hostname")) {
        for host in annotation.value.as_str().unwrap_or_default().split(',') {
            add(By::Record, &Node { place: annotation.value.place, kind: Kind::String(host.trim().to_owned()) });
        }
    }
}

/// Hosts that values name where charts take those of an Ingress or a route from.
fn in_values(values: &Node, add: &mut impl FnMut(&str, Place)) {
    for entry in values.entries() {
        let is_host_key = matches!(entry.key.as_str(), "host" | "hosts" | "hostname" | "hostnames" | "fqdn")
            || entry.key.ends_with("/hostname");
        if is_host_key {
            each_text(&entry.value, &mut |text, place| {
                text.split(',').map(str::trim).filter(|host| is_host(host)).for_each(|host| add(host, place));
            });
        }
        in_values(&entry.value, add);
    }
    values.items().iter().for_each(|item| in_values(item, add));
}

fn each_text(node: &Node, then: &mut impl FnMut(&str, Place)) {
    match &node.kind {
        Kind::String(text) => then(text, node.place),
        Kind::List(items) => items.iter().for_each(|item| each_text(item, then)),
        Kind::Map(entries) => entries.iter().for_each(|entry| each_text(&entry.value, then)),
        _ => {}
    }
}

/// Whether a text is the name of a host on the internet, or of all hosts of a zone: `git.example.org`, `*.example.org`.
pub fn is_host(text: &str) -> bool {
    let name = text.strip_prefix("*.").unwrap_or(text).trim_end_matches('.');
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let last = name.rsplit('.').next().unwrap_or_default();
    !has_placeholder(text)
        && name.contains('.')
        && name.split('.').all(is_label)
        && last.bytes().all(|byte| byte.is_ascii_alphabetic())
        && !matches!(last, "svc" | "local" | "localhost")
}

/// The zone right above a host: `example.org` of `git.example.org`.
pub fn zone(host: &str) -> Option<&str> {
    host.split_once('.').map(|(_, zone)| zone).filter(|zone| zone.contains('.'))
}

/// The host in an address: `git.example.org` of `https://git.example.org:8443/x`.
pub fn of_url(url: &str) -> Option<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '"', '\'', ' ']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    is_host(host).then(|| host.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_where_it_is_no_number_and_no_name_of_the_cluster() {
        assert_eq!(of_url("https://Git.example.org:8443/x?y").as_deref(), Some("git.example.org"));
        assert_eq!(of_url("ssh://git@git.example.org/x").as_deref(), Some("git.example.org"));
        assert_eq!(of_url("git.example.org").as_deref(), Some("git.example.org"));
        for none in ["https://10.0.0.1/x", "http://web.web.svc:80", "http://web", "https://git.${DOMAIN}/", ""] {
            assert_eq!(of_url(none), None, "{none}");
        }
    }

    #[test]
    fn the_zone_of_a_host_is_what_stands_above_it() {
        assert_eq!(zone("git.lab.example.org"), Some("lab.example.org"));
        assert_eq!(zone("example.org"), None);
    }
}
