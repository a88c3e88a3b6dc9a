//! The networks of pods and services, and the domain inside a cluster, are the same for its machines and for what runs on them.
//!
//! Machines get them from Talos; the pod network, the cluster's name server and whoever asks for a service by name have them written
//! a second time. As Cilium 1.14–1.18, the tigera operator 1.3x, flannel's chart 0.26 and CoreDNS' chart 1.4x read them.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;

use crate::{
    claims::machine::Topic,
    code,
    diagnostic::{Diagnostic, Severity},
    flux::{Unit, has_placeholder},
    foundation::{Fact, Foundation, word_in},
    given::{Given, to_chart},
    node::{Kind, Node},
    source::Place,
    survey::Survey,
};

/// At most so many places of one wrong domain are shown.
const SHOWN: usize = 4;
/// Domains that are no cluster's own: those of services that several clusters share.
const SHARED: &[&str] = &["clusterset.local"];
/// What may stand before the word for a network in the name of a variable.
const OWNERS: &[&str] =
    &["", "cluster", "k8s", "kubernetes", "kube", "network", "networkk8s", "clusternetwork", "k8scluster", "talos"];

/// Reports what differs.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let mut report = Report { survey, told: BTreeSet::new(), found };
    let [cilium, flannel, tigera, coredns] =
        ["cilium", "flannel", "tigera-operator", "coredns"].map(|chart| to_chart(survey, chart));
    for cluster in super::clusters(survey) {
        let Some(foundation) = Foundation::of(survey, cluster) else { continue };
        let is_here = |given: &&Given| given.is_for(cluster);
        for given in cilium.iter().filter(is_here) {
            report.cilium(&foundation, given);
        }
        for given in flannel.iter().filter(is_here) {
            report.flannel(&foundation, given);
        }
        for given in tigera.iter().filter(is_here) {
            report.calico(&foundation, given.values.get("installation"));
        }
        let servers: Vec<&Given> = coredns.iter().filter(is_here).collect();
        if let [given] = servers.as_slice() {
            report.name_server(&foundation, given);
        }
        report.objects(&foundation, cluster);
        report.variables(&foundation, cluster);
    }
}

/// Findings, each place once.
struct Report<'s, 'f> {
    survey: &'s Survey,
    told: BTreeSet<Place>,
    found: &'f mut Vec<Diagnostic>,
}

impl Report<'_, '_> {
    fn add(&mut self, place: Place, finding: Diagnostic) {
        if self.told.insert(place) {
            self.found.push(finding);
        }
    }

    /// Where its pods get addresses, and what it takes for the network of pods.
    fn cilium(&mut self, foundation: &Foundation, given: &Given) {
        let text = |path: &[&str]| given.values.at(path.iter().copied()).and_then(Node::as_str);
        let is_native = text(&["routingMode"]) == Some("native") || text(&["tunnel"]) == Some("disabled");
        let native = given.values.get("ipv4NativeRoutingCIDR").and_then(|node| Some((network(node)?, node.place)));
        let native = native.filter(|_| is_native);
        match text(&["ipam", "mode"]).or(given.is_whole.then_some("cluster-pool")) {
            Some("kubernetes") => {
                if let (Some(pods), Some(native)) = (&foundation.pods, native) {
                    self.native(native, &pods.is, (pods.place, &by_talos("pods", pods)));
                }
            }
            Some("cluster-pool") => {
                let Some(list) = given.values.at(["ipam", "operator", "clusterPoolIPv4PodCIDRList"]) else { return };
                let Some(pool) = networks(list) else { return };
                let place = list.items().first().map_or(list.place, |first| first.place);
                if let Some(pods) = &foundation.pods {
                    self.pool("Cilium", &pool, place, pods);
                }
                if let Some(native) = native {
                    self.native(native, &pool, (place, "its pool for pods"));
                }
            }
            _ => {}
        }
    }

    /// The network that Cilium routes without translation leaves out pods.
    fn native(&mut self, (native, at): (IpNet, Place), pods: &[IpNet], (place, label): (Place, &str)) {
        let Some(outside) = pods.iter().find(|net| is_v4(net) == is_v4(&native) && !native.contains(*net)) else {
            return;
        };
        self.add(
            at,
            Diagnostic::new(
                code!("networks-disagree"),
                format!("Cilium takes `{native}` for the network of pods, and theirs is `{outside}`"),
            )
            .at(at, "")
            .at(place, label)
            .note("what pods send to each other across nodes carries the node's address: policies and logs see nodes")
            .help(format!("write `{outside}`"))
            .about(native.to_string()),
        );
    }

    /// A pool of addresses for pods that lies outside of the network that nodes are told.
    fn pool(&mut self, who: &str, pool: &[IpNet], at: Place, pods: &Fact<Vec<IpNet>>) {
        let overlaps = |left: &IpNet, right: &IpNet| left.contains(right) || right.contains(left);
        let of_kind = |net: &&IpNet| pods.is.iter().any(|own| is_v4(own) == is_v4(net));
        let Some(outside) = pool.iter().filter(of_kind).find(|net| !pods.is.iter().any(|own| overlaps(own, net)))
        else {
            return;
        };
        let own: Vec<String> =
            pods.is.iter().filter(|own| is_v4(own) == is_v4(outside)).map(|own| format!("`{own}`")).collect();
        let own = own.join(", ");
        self.add(
            at,
            Diagnostic::new(code!("networks-disagree"), format!("{who} gives pods addresses of `{outside}`, and Talos of {own}"))
                .at(word_in(self.survey, at, &outside.to_string()), "")
                .at(pods.place, by_talos("pods", pods))
                .note("each node has a range of Talos' network in its `podCIDR`; routes and kube-proxy that go by it miss the pods")
                .help("write one network in both")
                .about(outside.to_string()),
        );
    }

    /// flannel stops at a node whose range is outside of its network.
    fn flannel(&mut self, foundation: &Foundation, given: &Given) {
        let Some(pods) = &foundation.pods else { return };
        let Some((net, at)) = given.values.get("podCidr").and_then(|node| Some((network(node)?, node.place))) else {
            return;
        };
        let Some(outside) = pods.is.iter().find(|own| is_v4(own) == is_v4(&net) && !net.contains(*own)) else { return };
        self.add(
            at,
            Diagnostic::new(
                code!("networks-disagree"),
                format!("flannel's network is `{net}`, and pods get addresses of `{outside}`"),
            )
            .severity(if pods.is_default { Severity::Warning } else { Severity::Error })
            .at(at, "")
            .at(pods.place, by_talos("pods", pods))
            .note("flannel stops where a node's range is not in its network, and no pod of the node starts")
            .help(format!("write `{outside}`"))
            .about(net.to_string()),
        );
    }

    /// The pools that an Installation of the tigera operator makes.
    fn calico(&mut self, foundation: &Foundation, installation: Option<&Node>) {
        let pools =
            installation.and_then(|node| node.at(["calicoNetwork", "ipPools"])).map(Node::items).unwrap_or_default();
        let (Some(pods), true) = (&foundation.pods, !pools.is_empty()) else { return };
        let nets: Option<Vec<(IpNet, Place)>> =
            pools.iter().map(|pool| pool.get("cidr").and_then(|node| Some((network(node)?, node.place)))).collect();
        for (net, place) in nets.unwrap_or_default() {
            self.pool("Calico", &[net], place, pods);
        }
    }

    /// The chart CoreDNS in place of Talos' own: its address, and the domain it answers for.
    fn name_server(&mut self, foundation: &Foundation, given: &Given) {
        if !given.is_whole || given.namespace.as_deref() != Some("kube-system") {
            return;
        }
        let address = given.values.at(["service", "clusterIP"]);
        if let Some((ip, at)) = address.and_then(|node| Some((node.as_str()?.parse::<IpAddr>().ok()?, node.place))) {
            self.service(foundation, ip, at, "CoreDNS");
            if let Some(dns) =
                foundation.dns.as_ref().filter(|dns| self.survey.talos.core_dns_is_off && !dns.is.contains(&ip))
            {
                let asked: Vec<String> = dns.is.iter().map(|ip| format!("`{ip}`")).collect();
                let finding = Diagnostic::new(
                    code!("networks-disagree"),
                    format!("CoreDNS answers at `{ip}`, and pods ask {}", asked.join(", ")),
                );
                let is_written =
                    self.survey.talos.said.iter().any(|it| it.place == dns.place && it.topic == Topic::Dns);
                let label = if is_written {
                    "kubelets tell pods this"
                } else {
                    "kubelets tell pods the tenth address of the services' network"
                };
                let finding = finding
                    .at(at, "")
                    .at(dns.place, label)
                    .note("Talos' own CoreDNS is off: no pod finds a name unless something else answers there")
                    .help(format!("write {}", asked.first().cloned().unwrap_or_default()))
                    .about(ip.to_string());
                self.add(at, finding);
            }
        }
        if let Some(domain) = &foundation.domain {
            self.zones(domain, &given.values);
        }
    }

    /// The zones for which CoreDNS' plugin `kubernetes` answers.
    fn zones(&mut self, domain: &Fact<String>, values: &Node) {
        let servers = values.get("servers").map(Node::items).unwrap_or_default();
        let plugins = servers.iter().flat_map(|server| server.get("plugins").map(Node::items).unwrap_or_default());
        let parameters: Vec<&Node> = plugins
            .filter(|plugin| plugin.get("name").and_then(Node::as_str) == Some("kubernetes"))
            .filter_map(|plugin| plugin.get("parameters"))
            .collect();
        let answers = |node: &&Node| {
            let Some(text) = node.as_str() else { return true };
            text.trim().is_empty()
                || text.contains(['$', '{'])
                || text.split_whitespace().any(|zone| zone.trim_end_matches('.') == domain.is)
        };
        let Some(first) = parameters.first() else { return };
        if parameters.iter().any(answers) {
            return;
        }
        let zone = first.as_str().and_then(|text| text.split_whitespace().next()).unwrap_or_default().to_owned();
        self.add(
            first.place,
            Diagnostic::new(
                code!("networks-disagree"),
                format!("CoreDNS answers for `{zone}`, and the cluster's domain is `{}`", domain.is),
            )
            .at(word_in(self.survey, first.place, &zone), "")
            .at(domain.place, by_talos("names", domain))
            .note("pods look for services under the cluster's domain, and nobody answers for it")
            .help(format!("write `{}`", domain.is))
            .about(zone),
        );
    }

    /// An address that a service asks for, in a network that services have no addresses of.
    fn service(&mut self, foundation: &Foundation, ip: IpAddr, at: Place, who: &str) {
        let Some(services) = &foundation.services else { return };
        let own: Vec<String> =
            services.is.iter().filter(|net| is_v4(net) == ip.is_ipv4()).map(|net| format!("`{net}`")).collect();
        if own.is_empty() || services.is.iter().any(|net| net.contains(&ip)) {
            return;
        }
        self.add(
            at,
            Diagnostic::new(
                code!("networks-disagree"),
                format!("{who} asks for the address `{ip}`, and services have those of {}", own.join(", ")),
            )
            .severity(if services.is_default { Severity::Warning } else { Severity::Error })
            .at(at, "")
            .at(services.place, by_talos("services", services))
            .note("the API server refuses the Service")
            .help(format!("write an address of {}", own.join(", ")))
            .about(ip.to_string()),
        );
    }

    /// Services, Installations, and names inside of the cluster, wherever an object has one.
    fn objects(&mut self, foundation: &Foundation, cluster: Option<usize>) {
        let mut names: BTreeMap<String, Vec<Place>> = BTreeMap::new();
        let survey = self.survey;
        for object in super::units_of(survey, cluster).filter(|unit| !unit.spec.suspend).flat_map(Unit::objects) {
            match (object.id.group.as_str(), object.id.kind.as_str()) {
                ("apiextensions.k8s.io", _) => continue,
                ("", "Service") => {
                    let asked = object.node.at(["spec", "clusterIP"]);
                    if let Some((ip, at)) = asked.and_then(|node| Some((node.as_str()?.parse().ok()?, node.place))) {
                        self.service(foundation, ip, at, &format!("Service `{}`", object.id.name));
                    }
                }
                ("operator.tigera.io", "Installation") => self.calico(foundation, object.node.get("spec")),
                _ => {}
            }
            domains(&object.node, &mut |domain, place| names.entry(domain).or_default().push(place));
        }
        let Some(domain) = &foundation.domain else { return };
        for (wrong, places) in names {
            // What may follow is a name's domain in part: a list of hosts that a program answers for has such.
            let is_part = domain.is.strip_prefix(&wrong).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            if !is_part && !SHARED.contains(&wrong.as_str()) {
                self.domain(domain, &wrong, places);
            }
        }
    }

    fn domain(&mut self, domain: &Fact<String>, wrong: &str, places: Vec<Place>) {
        let mut places: Vec<Place> =
            places.into_iter().map(|place| word_in(self.survey, place, &format!(".svc.{wrong}"))).collect();
        places.sort();
        places.dedup();
        let more = places.len().saturating_sub(SHOWN);
        let message = format!("names end in `svc.{wrong}`, and the cluster's domain is `{}`", domain.is);
        let mut finding = Diagnostic::new(code!("networks-disagree"), message);
        for (at, place) in places.iter().take(SHOWN).enumerate() {
            finding = finding.at(*place, if at == 0 { "" } else { "here too" });
        }
        if more > 0 {
            finding = finding.note(format!("and in {more} more places"));
        }
        let finding = finding
            .at(domain.place, by_talos("names", domain))
            .note("no name server of the cluster answers for such a name")
            .help(format!("write `svc.{}`", domain.is))
            .about(wrong);
        self.add(places[0], finding);
    }

    /// Variables of Flux and of Terraform that are called after a network and hold another one.
    fn variables(&mut self, foundation: &Foundation, cluster: Option<usize>) {
        let survey = self.survey;
        let mut values: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for setting in &survey.terraform.settings {
            let last = setting.name.rsplit('.').next().unwrap_or_default();
            values.entry(plain(last)).or_default().insert(&setting.value);
        }
        let mut named: BTreeMap<(&str, Place), &str> = BTreeMap::new();
        for (name, text, place) in super::variables(survey, cluster) {
            // One name with several values in Terraform is the name for several clusters.
            let is_one = values.get(&plain(name)).is_none_or(|values| values.len() == 1);
            if let Some(of) = network_of_name(name).filter(|_| is_one) {
                named.insert((of, place), text);
            }
        }
        for ((of, at), text) in named {
            let fact = if of == "pods" { &foundation.pods } else { &foundation.services };
            let Some(fact) = fact.as_ref().filter(|fact| !fact.is_default) else { continue };
            let Some(nets) = text.split(',').map(|part| part.trim().parse().ok()).collect::<Option<Vec<IpNet>>>()
            else {
                continue;
            };
            let Some(wrong) =
                nets.iter().find(|net| fact.is.iter().any(|own| is_v4(own) == is_v4(net)) && !fact.is.contains(*net))
            else {
                continue;
            };
            let overlaps = fact.is.iter().any(|own| own.contains(wrong) || wrong.contains(own));
            let own: Vec<String> =
                fact.is.iter().filter(|own| is_v4(own) == is_v4(wrong)).map(|own| format!("`{own}`")).collect();
            let own = own.join(", ");
            self.add(
                at,
                Diagnostic::new(
                    code!("networks-disagree"),
                    format!("the network of {of} is `{wrong}` here, and {own} for Talos"),
                )
                .severity(if overlaps { Severity::Note } else { Severity::Warning })
                .at(word_in(survey, at, &wrong.to_string()), "")
                .at(fact.place, by_talos(of, fact))
                .help(format!("write {own}"))
                .about(wrong.to_string()),
            );
        }
    }
}

/// What a label says at the place of a fact.
fn by_talos<T>(of: &str, fact: &Fact<T>) -> String {
    if fact.is_default {
        format!("Talos' default holds for {of}: nothing here says another")
    } else {
        format!("Talos has this for {of}")
    }
}

/// Whose network a variable is called after.
fn network_of_name(name: &str) -> Option<&'static str> {
    let name = plain(name);
    let rest = ["cidrs", "cidr", "subnets", "subnet", "networks", "network"]
        .iter()
        .find_map(|word| name.strip_suffix(word))?;
    [("pods", "pods"), ("pod", "pods"), ("services", "services"), ("service", "services"), ("svc", "services")]
        .iter()
        .find_map(|(word, of)| rest.strip_suffix(word).filter(|owner| OWNERS.contains(owner)).map(|_| *of))
}

/// A name without what separates its words.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

fn is_v4(net: &IpNet) -> bool {
    matches!(net, IpNet::V4(_))
}

fn network(node: &Node) -> Option<IpNet> {
    node.as_str()?.trim().parse().ok()
}

/// A list of networks, or one.
fn networks(node: &Node) -> Option<Vec<IpNet>> {
    match &node.kind {
        Kind::List(items) if !items.is_empty() => items.iter().map(network).collect(),
        _ => network(node).map(|net| vec![net]),
    }
}

/// The domains that names of services end in: what stands behind `NAME.NAMESPACE.svc.`.
fn domains(node: &Node, see: &mut dyn FnMut(String, Place)) {
    match &node.kind {
        Kind::Map(entries) => entries.iter().for_each(|entry| domains(&entry.value, see)),
        Kind::List(items) => items.iter().for_each(|item| domains(item, see)),
        Kind::String(text) if text.contains('.') && text.contains(".svc.") && !has_placeholder(text) => {
            for (at, mark) in text.match_indices(".svc.") {
                if let Some(domain) = domain_behind(&text[..at], &text[at + mark.len()..]) {
                    see(domain, node.place);
                }
            }
        }
        _ => {}
    }
}

fn domain_behind(before: &str, behind: &str) -> Option<String> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '.';
    let owner = before.rsplit(|letter| !is_part(letter)).next()?;
    // A pattern or a template of a name is no name.
    let is_name = owner.split('.').filter(|label| !label.is_empty()).count() >= 2
        && !before[..before.len() - owner.len()].ends_with(['}', '*', '\\', ')', '%']);
    let end = behind.find(|letter| !is_part(letter)).unwrap_or(behind.len());
    let domain = behind[..end].trim_end_matches('.').to_ascii_lowercase();
    let is_whole = !behind[end..].starts_with(['$', '{', '\\', '*', '_', '%', '(', '[']);
    (is_name && is_whole && !domain.is_empty()).then_some(domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audits::audited;

    const UNIT: &str = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: net, namespace: flux-system}\n\
                        spec:\n  interval: 1h\n  path: ./net\n  prune: true\n  sourceRef: {kind: GitRepository, name: flux-system}\n";
    const TALOS: &str = "machine:\n  type: controlplane\ncluster:\n  coreDNS: {disabled: true}\n  network:\n    dnsDomain: home.lan\n    \
                         podSubnets: [10.30.0.0/16]\n    serviceSubnets: [10.31.0.0/16]\n";

    fn reports(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().copied().chain([("cluster.yaml", UNIT)]);
        let (_, found) = audited(audit, files);
        found.iter().map(|it| format!("{}: {}", it.severity.name(), it.message)).collect()
    }

    fn release(chart: &str, values: &str) -> String {
        format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: {chart}, namespace: kube-system}}\nspec:\n  chart:\n    \
             spec: {{chart: {chart}, sourceRef: {{kind: HelmRepository, name: charts}}}}\n  values: {values}\n"
        )
    }

    /// What is said of a release beside machine configurations.
    fn of(chart: &str, values: &str) -> Vec<String> {
        reports(&[("talos/a.yaml", TALOS), ("net/r.yaml", &release(chart, values))])
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn the_network_that_cilium_routes_holds_all_pods() {
        let native = |mode: &str, net: &str| {
            of("cilium", &format!("{{ipam: {{mode: kubernetes}}, routingMode: {mode}, ipv4NativeRoutingCIDR: {net}}}"))
        };
        let wrong = ["warning: Cilium takes `10.42.0.0/16` for the network of pods, and theirs is `10.30.0.0/16`"];
        assert_eq!(native("native", "10.42.0.0/16"), wrong);
        assert_eq!(native("native", "10.30.0.0/16"), NONE);
        assert_eq!(native("native", "10.0.0.0/8"), NONE);
        // In a tunnel it is not used, and what nobody filled in is not known.
        assert_eq!(native("tunnel", "10.42.0.0/16"), NONE);
        assert_eq!(native("native", "${POD_CIDR}"), NONE);
    }

    #[test]
    fn a_pool_of_another_network_is_one_finding() {
        let pool =
            |net: &str| of("cilium", &format!("{{ipam: {{operator: {{clusterPoolIPv4PodCIDRList: [{net}]}}}}}}"));
        assert_eq!(
            pool("10.42.0.0/16"),
            ["warning: Cilium gives pods addresses of `10.42.0.0/16`, and Talos of `10.30.0.0/16`"]
        );
        assert_eq!(pool("10.30.0.0/17"), NONE);
        // Nodes' own ranges are used, not the pool.
        assert_eq!(
            of("cilium", "{ipam: {mode: kubernetes, operator: {clusterPoolIPv4PodCIDRList: [10.42.0.0/16]}}}"),
            NONE
        );
        let calico = "{installation: {calicoNetwork: {ipPools: [{cidr: 10.42.0.0/16}]}}}";
        assert_eq!(
            of("tigera-operator", calico),
            ["warning: Calico gives pods addresses of `10.42.0.0/16`, and Talos of `10.30.0.0/16`"]
        );
        assert_eq!(of("flannel", "{podCidr: 10.30.0.0/16}"), NONE);
        let flannel = of("flannel", "{podCidr: 10.42.0.0/16}");
        assert_eq!(flannel, ["error: flannel's network is `10.42.0.0/16`, and pods get addresses of `10.30.0.0/16`"]);
    }

    #[test]
    fn the_name_server_has_the_address_that_pods_ask() {
        let dns = |ip: &str| of("coredns", &format!("{{service: {{clusterIP: {ip}}}}}"));
        assert_eq!(dns("10.31.0.10"), NONE);
        assert_eq!(dns("10.31.0.11"), ["warning: CoreDNS answers at `10.31.0.11`, and pods ask `10.31.0.10`"]);
        let refused = "error: CoreDNS asks for the address `10.96.0.10`, and services have those of `10.31.0.0/16`";
        assert_eq!(
            dns("10.96.0.10"),
            [refused, "warning: CoreDNS answers at `10.96.0.10`, and pods ask `10.31.0.10`"][..1]
        );
        let zone = |zone: &str| {
            of(
                "coredns",
                &format!("{{servers: [{{plugins: [{{name: kubernetes, parameters: {zone} in-addr.arpa}}]}}]}}"),
            )
        };
        assert_eq!(zone("home.lan"), NONE);
        assert_eq!(
            zone("cluster.local"),
            ["warning: CoreDNS answers for `cluster.local`, and the cluster's domain is `home.lan`"]
        );
    }

    #[test]
    fn names_of_services_end_in_the_domain_of_the_cluster() {
        let name = |name: &str| {
            let map = format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, namespace: web}}\ndata:\n  url: http://{name}:80/a\n"
            );
            reports(&[("talos/a.yaml", TALOS), ("net/map.yaml", &map)])
        };
        assert_eq!(
            name("web.web.svc.cluster.local"),
            ["warning: names end in `svc.cluster.local`, and the cluster's domain is `home.lan`"]
        );
        for fine in [
            "web.web.svc.home.lan",
            "web.web.svc.home.lan.",
            "web.web.svc",
            "web.web.svc.home",
            "svc.cluster.local",
            "a.b.svc.clusterset.local",
            "a.b.svc.${DOMAIN}",
        ] {
            assert_eq!(name(fine), NONE, "{fine}");
        }
    }

    #[test]
    fn variables_called_after_a_network_hold_it() {
        let map = |key: &str, net: &str| {
            let map = format!(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a, namespace: web}}\ndata:\n  {key}: {net}\n"
            );
            reports(&[("talos/a.yaml", TALOS), ("net/map.yaml", &map)])
        };
        assert_eq!(
            map("CLUSTER_POD_CIDR", "10.42.0.0/16"),
            ["warning: the network of pods is `10.42.0.0/16` here, and `10.30.0.0/16` for Talos"]
        );
        assert_eq!(
            map("SERVICE_CIDR", "10.31.0.0/17"),
            ["note: the network of services is `10.31.0.0/17` here, and `10.31.0.0/16` for Talos"]
        );
        assert_eq!(map("POD_CIDR", "10.30.0.0/16"), NONE);
        assert_eq!(map("STORAGE_SERVICE_CIDR", "10.42.0.0/16"), NONE);
        let terraform = "variable \"pod_subnet\" {\n  default = \"10.42.0.0/16\"\n}\n";
        let files = [("talos/a.yaml", TALOS), ("terraform/main.tf", terraform)];
        assert_eq!(
            reports(&files),
            ["warning: the network of pods is `10.42.0.0/16` here, and `10.30.0.0/16` for Talos"]
        );
    }

    #[test]
    fn a_service_asks_for_an_address_of_the_services() {
        let service = |ip: &str| {
            let text = format!(
                "apiVersion: v1\nkind: Service\nmetadata: {{name: a, namespace: web}}\nspec: {{clusterIP: {ip}}}\n"
            );
            reports(&[("talos/a.yaml", TALOS), ("net/service.yaml", &text)])
        };
        assert_eq!(
            service("10.96.0.1"),
            ["error: Service `a` asks for the address `10.96.0.1`, and services have those of `10.31.0.0/16`"]
        );
        assert_eq!(service("10.31.0.1"), NONE);
        assert_eq!(service("None"), NONE);
    }
}
