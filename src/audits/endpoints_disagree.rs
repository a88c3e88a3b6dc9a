//! What asks for the API server asks where it answers.
//!
//! A pod network that replaces kube-proxy cannot find the API server by its service, so its address is written into the values a
//! second time. Cilium 1.14–1.18; on Talos the node itself answers, on a port of its own (`KubePrism`).

use std::{collections::BTreeSet, net::IpAddr};

use crate::{
    code,
    diagnostic::{Diagnostic, Severity, nearest},
    foundation::{API, Foundation, PRISM, is_written_elsewhere},
    given::{Given, to_chart},
    node::{Kind, Node},
    source::Place,
    survey::Survey,
};

/// Names of variables that hold the address which the control planes share.
const VIPS: &[&str] =
    &["clustervip", "kubevip", "kubevipaddress", "kubeapivip", "apiservervip", "controlplanevip", "talosvip"];

/// Reports what asks elsewhere.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let cilium = to_chart(survey, "cilium");
    let hosts: BTreeSet<Place> =
        cilium.iter().filter_map(|given| Some(given.values.get("k8sServiceHost")?.place)).collect();
    let mut told = BTreeSet::new();
    for cluster in super::clusters(survey) {
        let Some(foundation) = Foundation::of(survey, cluster) else { continue };
        let mut report = Report { survey, foundation: &foundation, hosts: &hosts, told: &mut told, found: &mut *found };
        for given in cilium.iter().filter(|given| given.is_for(cluster)) {
            report.cilium(given);
        }
        report.vip();
        report.variables(cluster);
    }
}

struct Report<'s, 'f> {
    survey: &'s Survey,
    foundation: &'s Foundation,
    /// Where Cilium's values name a host.
    hosts: &'s BTreeSet<Place>,
    told: &'f mut BTreeSet<Place>,
    found: &'f mut Vec<Diagnostic>,
}

impl Report<'_, '_> {
    fn add(&mut self, place: Place, finding: Diagnostic) {
        if self.told.insert(place) {
            self.found.push(finding);
        }
    }

    fn cilium(&mut self, given: &Given) {
        let Some((host, at)) = given.values.get("k8sServiceHost").and_then(|node| Some((node.as_str()?, node.place)))
        else {
            return;
        };
        let port = given.values.get("k8sServicePort").and_then(|node| Some((port(node)?, node.place)));
        if matches!(host, "localhost" | "127.0.0.1" | "::1") {
            if let Some(port) = port {
                self.node_itself(host, port);
            }
            return;
        }
        let is_vip = |host: &str| self.foundation.vip.as_ref().is_some_and(|vip| host.parse() == Ok(vip.is));
        let endpoint = self.foundation.endpoint.clone();
        if let (Some(endpoint), Some((port, place))) = (&endpoint, port)
            && (endpoint.is.host == host || is_vip(host) && is_vip(&endpoint.is.host))
            && endpoint.is.port != port
        {
            let finding = Diagnostic::new(
                code!("endpoints-disagree"),
                format!(
                    "Cilium asks for the API server at port `{port}` of `{host}`, and it answers at `{}`",
                    endpoint.is.port
                ),
            );
            let finding = finding
                .at(place, "")
                .at(endpoint.place, "the machines ask here")
                .note("without the API server Cilium does not start, and no pod gets a network")
                .help(format!("write `{}`", endpoint.is.port))
                .about(format!("{host}:{port}"));
            self.add(place, finding);
        }
        self.host(host, at, "Cilium asks for the API server at");
    }

    /// Only the port that the node answers on leads to the API server from every node.
    fn node_itself(&mut self, host: &str, (port, at): (u16, Place)) {
        let survey = self.survey;
        // On a control plane the API server itself answers.
        if port == API || self.foundation.has_static_pods {
            return;
        }
        let prism = self.foundation.prism.clone();
        let (wanted, place, label, severity) = match prism {
            Some(fact) if fact.is == Some(port) => return,
            Some(fact) => match fact.is {
                Some(wanted) => (Some(wanted), fact.place, "this port", Severity::Error),
                None => (None, fact.place, "the nodes do not answer for the API server", Severity::Error),
            },
            None if port == PRISM => return,
            None => match survey.talos.evidence {
                Some((place, true)) => {
                    (Some(PRISM), place, "nodes of Talos, which answer on `7445`", Severity::Warning)
                }
                _ => return,
            },
        };
        let message = match wanted {
            Some(wanted) => {
                format!("Cilium asks for the API server at `{host}:{port}`, and nodes answer for it on `{wanted}`")
            }
            None => format!("Cilium asks for the API server at `{host}:{port}`, and nothing answers there"),
        };
        let finding = Diagnostic::new(code!("endpoints-disagree"), message)
            .severity(severity)
            .at(at, "")
            .at(place, label)
            .note("without the API server Cilium does not start, and no pod gets a network")
            .about(format!("{host}:{port}"));
        let finding = match wanted {
            Some(wanted) => finding.help(format!("write `{wanted}`")),
            None => finding.help("turn KubePrism on, or let Cilium ask where the machines do"),
        };
        self.add(at, finding);
    }

    /// An address that is neither what the machines ask nor anything else that the repository knows.
    fn host(&mut self, host: &str, at: Place, what: &str) {
        let known: Vec<(String, Place)> = [
            self.foundation.endpoint.as_ref().map(|endpoint| (endpoint.is.host.clone(), endpoint.place)),
            self.foundation.vip.as_ref().map(|vip| (vip.is.to_string(), vip.place)),
        ]
        .into_iter()
        .flatten()
        .collect();
        if known.iter().any(|(other, _)| other == host) {
            return;
        }
        let is_address = |text: &str| text.parse::<IpAddr>().is_ok();
        let meant = if is_address(host) {
            let mut besides = self.hosts.clone();
            besides.insert(at);
            known
                .iter()
                .find(|(other, _)| is_address(other))
                .filter(|_| !is_written_elsewhere(self.survey, host, &besides))
        } else {
            let names = known.iter().map(|(other, _)| other.as_str()).filter(|other| !is_address(other));
            nearest(host, names).and_then(|near| known.iter().find(|(other, _)| other == near))
        };
        let Some((meant, place)) = meant else { return };
        let finding = Diagnostic::new(code!("endpoints-disagree"), format!("{what} `{host}`, and it is at `{meant}`"))
            .at(at, "")
            .at(*place, "the machines ask here")
            .note(format!("no other manifest, template or Terraform source has `{host}`"))
            .help(format!("did you mean `{meant}`?"))
            .about(host);
        self.add(at, finding);
    }

    /// An endpoint that is an address beside the one that the control planes share, and nobody's.
    fn vip(&mut self) {
        let (Some(endpoint), Some(vip)) = (&self.foundation.endpoint, &self.foundation.vip) else { return };
        let Ok(ip) = endpoint.is.host.parse::<IpAddr>() else { return };
        let besides: BTreeSet<Place> = self.survey.talos.said.iter().map(|said| said.place).collect();
        if ip == vip.is || is_written_elsewhere(self.survey, &endpoint.is.host, &besides) {
            return;
        }
        let finding = Diagnostic::new(
            code!("endpoints-disagree"),
            format!("machines ask for the API server at `{ip}`, and the control planes share `{}`", vip.is),
        );
        let place = endpoint.place;
        let finding = finding
            // A load balancer in front of them may have an address that stands nowhere here.
            .severity(Severity::Note)
            .at(place, "")
            .at(vip.place, "the shared address")
            .note(format!("no other manifest, template or Terraform source has `{ip}`"))
            .help(format!("did you mean `{}`?", vip.is))
            .about(ip.to_string());
        self.add(place, finding);
    }

    /// Variables of Flux and of Terraform that are called after the shared address and hold another one.
    fn variables(&mut self, cluster: Option<usize>) {
        let Some(vip) = self.foundation.vip.clone() else { return };
        let named = super::variables(self.survey, cluster).filter_map(|(name, text, place)| {
            let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
            let is_vip = VIPS.contains(&name.to_ascii_lowercase().as_str());
            Some((text.parse::<IpAddr>().ok().filter(|_| is_vip)?, place))
        });
        let named: Vec<(IpAddr, Place)> = named.collect();
        for (ip, place) in named.into_iter().filter(|(ip, _)| *ip != vip.is) {
            let finding = Diagnostic::new(
                code!("endpoints-disagree"),
                format!("the shared address of the control planes is `{ip}` here, and `{}` for Talos", vip.is),
            );
            let finding = finding
                .at(place, "")
                .at(vip.place, "Talos has this")
                .help(format!("write `{}`", vip.is))
                .about(ip.to_string());
            self.add(place, finding);
        }
    }
}

fn port(node: &Node) -> Option<u16> {
    match &node.kind {
        Kind::Number(number) => number.as_u64()?.try_into().ok(),
        Kind::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audits::audited;

    fn reports(files: &[(&str, &str)]) -> Vec<String> {
        let (_, found) = audited(audit, files.iter().copied());
        found.iter().map(|it| format!("{}: {}", it.severity.name(), it.message)).collect()
    }

    /// What is said of a file of values beside a machine configuration.
    fn of(talos: &str, host: &str, port: u16) -> Vec<String> {
        let values = format!("kubeProxyReplacement: true\nk8sServiceHost: {host}\nk8sServicePort: {port}\n");
        reports(&[("talos/a.yaml", talos), ("bootstrap/cilium.yaml", &values)])
    }

    const TALOS: &str =
        "machine:\n  type: controlplane\ncluster:\n  controlPlane:\n    endpoint: https://10.2.3.1:6443\n";
    const NONE: [&str; 0] = [];

    #[test]
    fn a_node_answers_on_one_port() {
        let with = |prism: &str| format!("machine:\n  features:\n    kubePrism: {prism}\n");
        assert_eq!(of(&with("{enabled: true}"), "localhost", 7445), NONE);
        assert_eq!(of(&with("{enabled: true, port: 7446}"), "localhost", 7446), NONE);
        let other = ["error: Cilium asks for the API server at `127.0.0.1:7445`, and nodes answer for it on `7446`"];
        assert_eq!(of(&with("{enabled: true, port: 7446}"), "127.0.0.1", 7445), other);
        let off = ["error: Cilium asks for the API server at `localhost:7445`, and nothing answers there"];
        assert_eq!(of(&with("{enabled: false}"), "localhost", 7445), off);
        // The API server itself, and a pod that may answer for it.
        assert_eq!(of(&with("{enabled: false}"), "localhost", 6443), NONE);
        assert_eq!(of(&format!("{}  pods: [{{kind: Pod}}]\n", with("{enabled: false}")), "localhost", 7445), NONE);
    }

    #[test]
    fn without_a_word_about_it_the_default_is_a_warning() {
        let default =
            ["warning: Cilium asks for the API server at `localhost:6444`, and nodes answer for it on `7445`"];
        assert_eq!(of(TALOS, "localhost", 6444), default);
        assert_eq!(of(TALOS, "localhost", 7445), NONE);
        // Nothing shows that the machines run Talos.
        assert_eq!(
            reports(&[(
                "cilium.yaml",
                "hubble: {}\nkubeProxyReplacement: true\nk8sServiceHost: localhost\nk8sServicePort: 6444\n"
            )]),
            NONE
        );
    }

    #[test]
    fn another_host_is_one_that_something_else_knows() {
        let stray = ["warning: Cilium asks for the API server at `10.2.3.2`, and it is at `10.2.3.1`"];
        assert_eq!(of(TALOS, "10.2.3.1", 6443), NONE);
        assert_eq!(of(TALOS, "10.2.3.2", 6443), stray);
        assert_eq!(of(&format!("{TALOS}  etcd: {{advertisedSubnets: [10.2.3.2/32]}}\n"), "10.2.3.2", 6443), NONE);
        let port = ["warning: Cilium asks for the API server at port `443` of `10.2.3.1`, and it answers at `6443`"];
        assert_eq!(of(TALOS, "10.2.3.1", 443), port);
        let named = TALOS.replace("10.2.3.1", "api.lab.example.org");
        let slip =
            ["warning: Cilium asks for the API server at `api.lab.exmaple.org`, and it is at `api.lab.example.org`"];
        assert_eq!(of(&named, "api.lab.exmaple.org", 6443), slip);
        assert_eq!(of(&named, "kube.example.net", 6443), NONE);
        assert_eq!(of(&named, "10.2.3.2", 6443), NONE);
    }

    #[test]
    fn the_endpoint_is_the_shared_address_or_one_that_something_else_knows() {
        let shared = |vip: &str| {
            TALOS.replace("machine:\n", &format!("machine:\n  network:\n    interfaces:\n      - vip: {{ip: {vip}}}\n"))
        };
        assert_eq!(reports(&[("talos/a.yaml", &shared("10.2.3.1"))]), NONE);
        let other = shared("10.2.3.9");
        let stray = ["note: machines ask for the API server at `10.2.3.1`, and the control planes share `10.2.3.9`"];
        assert_eq!(reports(&[("talos/a.yaml", &other)]), stray);
        assert_eq!(reports(&[("talos/a.yaml", &other), ("router/haproxy.yaml", "bind: 10.2.3.1:6443\n")]), NONE);
        let variable = "variable \"cluster_vip\" {\n  default = \"10.0.3.1\"\n}\n";
        let files = [("talos/a.yaml", shared("10.2.3.1")), ("terraform/main.tf", variable.to_owned())];
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        assert_eq!(
            reports(&files),
            ["warning: the shared address of the control planes is `10.0.3.1` here, and `10.2.3.1` for Talos"]
        );
    }
}
