//! What a cluster stands on, as far as its repository says it for sure: networks, domain, where the API server answers.
//!
//! Read off machine configurations of Talos and their patches, also those that Terraform makes. Where two of them say different
//! things, or one of them says something that only a run would tell, nothing is known.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};

use ipnet::IpNet;

use crate::{
    claims::{
        cluster_of,
        machine::{self, Said, Topic},
    },
    node::Node,
    source::{Place, Span},
    survey::Survey,
};

/// What Talos takes where nothing else is said (1.0–1.14).
const PODS: &str = "10.244.0.0/16";
const SERVICES: &str = "10.96.0.0/12";
const DOMAIN: &str = "cluster.local";
/// What starts a cluster is configured in small files; large ones are what others generated.
pub const LARGEST: usize = 256 << 10;
/// The port of the API server.
pub const API: u16 = 6443;
/// The port on which every node of Talos answers for the API server, unless its configuration says another one.
pub const PRISM: u16 = 7445;
/// The place of the cluster's own name server in the network of its services, as kubelets are told.
const DNS: u32 = 10;

/// A fact, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact<T> {
    /// What is so.
    pub is: T,
    /// Where it says so.
    pub place: Place,
    /// Whether nothing is written there of it, and Talos' own default holds.
    pub is_default: bool,
}

/// An address with a port, as an endpoint names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// What is known of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Foundation {
    /// The networks that its pods get addresses of.
    pub pods: Option<Fact<Vec<IpNet>>>,
    /// The networks that its services get addresses of.
    pub services: Option<Fact<Vec<IpNet>>>,
    /// The domain of names inside of it.
    pub domain: Option<Fact<String>>,
    /// Where all of it finds the API server.
    pub endpoint: Option<Fact<Endpoint>>,
    /// The address that its control planes share.
    pub vip: Option<Fact<IpAddr>>,
    /// Whom pods ask for names.
    pub dns: Option<Fact<Vec<IpAddr>>>,
    /// The port on which every node answers for the API server, or None where none does.
    pub prism: Option<Fact<Option<u16>>>,
    /// Whether pods run without the API server, which may answer for it.
    pub has_static_pods: bool,
}

impl Foundation {
    /// Of one of the survey's clusters. None where nothing speaks of its machines.
    pub fn of(survey: &Survey, cluster: Option<usize>) -> Option<Foundation> {
        let said = said(survey, cluster);
        let default = default_place(survey, cluster);
        if said.is_empty() && default.is_none() {
            return None;
        }
        let about = |topic: Topic| said.iter().filter(move |it| it.topic == topic);
        let has = |topic: Topic| about(topic).next().is_some();
        let unsaid = |names: &[&str]| default.filter(|_| !is_mentioned(survey, names));
        let pods = if has(Topic::Pods) {
            only(about(Topic::Pods), networks)
        } else {
            default_networks(unsaid(POD_KEYS), PODS)
        };
        let services = if has(Topic::Services) {
            only(about(Topic::Services), networks)
        } else {
            default_networks(unsaid(SERVICE_KEYS), SERVICES)
        };
        let domain = if has(Topic::Domain) {
            only(about(Topic::Domain), domain)
        } else {
            unsaid(&["dnsDomain"]).map(|place| Fact { is: DOMAIN.to_owned(), place, is_default: true })
        };
        let dns = if has(Topic::Dns) {
            only(about(Topic::Dns), |texts| texts.iter().map(|text| text.parse().ok()).collect())
        } else {
            services.as_ref().and_then(dns_of)
        };
        Some(Foundation {
            pods,
            services,
            domain,
            dns,
            endpoint: only(about(Topic::Endpoint), |texts| endpoint(texts.first()?)),
            vip: only(about(Topic::Vip), |texts| texts.first()?.parse().ok()),
            prism: prism(&said),
            has_static_pods: has(Topic::StaticPod),
        })
    }
}

/// How configurations, patches of them and talhelper call them.
const POD_KEYS: &[&str] = &["podSubnets", "clusterPodNets"];
const SERVICE_KEYS: &[&str] = &["serviceSubnets", "clusterSvcNets"];

/// Everything that is said of the cluster.
fn said(survey: &Survey, cluster: Option<usize>) -> Vec<Said> {
    let mut said = survey.talos.said.clone();
    for document in survey.terraform.patches.iter().flat_map(|patch| &patch.documents) {
        match document.get("kind").and_then(Node::as_str) {
            Some(kind) => machine::of_document(kind, document, &mut said),
            None => machine::of_configuration(document, &mut said),
        }
    }
    for endpoint in &survey.terraform.cluster_endpoints {
        said.push(Said { topic: Topic::Endpoint, texts: vec![endpoint.text.clone()], place: endpoint.place });
    }
    said.retain(|it| is_about(survey, it.place, cluster));
    said
}

/// Whether a file is about this cluster for sure.
pub fn is_about(survey: &Survey, place: Place, cluster: Option<usize>) -> bool {
    let (of, is_sure) = cluster_of(survey.repository.path(place), &survey.clusters);
    // With a cluster that holds nothing yet, all is about that one.
    is_sure && (of.is_none() || of == cluster)
}

/// What shows that the cluster's machines run Talos, where the repository holds what their configuration is made of.
fn default_place(survey: &Survey, cluster: Option<usize>) -> Option<Place> {
    let (place, is_whole) = survey.talos.evidence?;
    (is_whole && survey.clusters.len() < 2 && is_about(survey, place, cluster)).then_some(place)
}

/// Whether any file but documentation has one of these words, in whatever form.
fn is_mentioned(survey: &Survey, words: &[&str]) -> bool {
    let files = survey.repository.files().filter(|(path, _)| !path.ends_with(".md"));
    let mut texts = files.filter_map(|(path, _)| survey.repository.text(path)).filter(|text| text.len() < LARGEST);
    texts.any(|text| words.iter().any(|word| text.contains(word)))
}

/// What all of them say, if they say the same.
fn only<'s, T: PartialEq>(
    said: impl Iterator<Item = &'s Said>,
    read: impl Fn(&[String]) -> Option<T>,
) -> Option<Fact<T>> {
    let mut known: Option<Fact<T>> = None;
    for it in said {
        let is = read(&it.texts)?;
        match &known {
            Some(fact) if fact.is != is => return None,
            Some(_) => {}
            None => known = Some(Fact { is, place: it.place, is_default: false }),
        }
    }
    known
}

fn networks(texts: &[String]) -> Option<Vec<IpNet>> {
    texts.iter().map(|text| text.parse().ok()).collect::<Option<Vec<IpNet>>>().filter(|networks| !networks.is_empty())
}

fn default_networks(place: Option<Place>, text: &str) -> Option<Fact<Vec<IpNet>>> {
    let network = text.parse().expect("the default is well formed");
    place.map(|place| Fact { is: vec![network], place, is_default: true })
}

fn domain(texts: &[String]) -> Option<String> {
    let text = texts.first()?.trim_end_matches('.').to_ascii_lowercase();
    let is_name = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    (!text.is_empty() && is_name(&text)).then_some(text)
}

/// The host and the port of an address such as `https://10.2.3.1:6443`.
fn endpoint(text: &str) -> Option<Endpoint> {
    let (_, rest) = text.split_once("://")?;
    let rest = rest.split('/').next()?;
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !rest.ends_with(']') => (host, port.parse().ok()?),
        _ => (rest, 443),
    };
    let host = host.trim_matches(['[', ']']);
    let is_plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte));
    (!host.is_empty() && is_plain).then(|| Endpoint { host: host.to_ascii_lowercase(), port })
}

/// The tenth address of each network of services.
fn dns_of(services: &Fact<Vec<IpNet>>) -> Option<Fact<Vec<IpAddr>>> {
    let tenth = |network: &IpNet| match network {
        IpNet::V4(network) => Some(IpAddr::V4(Ipv4Addr::from(u32::from(network.network()).checked_add(DNS)?))),
        IpNet::V6(network) => Some(IpAddr::V6((u128::from(network.network()).checked_add(DNS.into())?).into())),
    };
    let addresses: Option<Vec<IpAddr>> = services.is.iter().map(tenth).collect();
    Some(Fact { is: addresses?, place: services.place, is_default: services.is_default })
}

/// A port without a word about the switch is on.
fn prism(said: &[Said]) -> Option<Fact<Option<u16>>> {
    let about = |topic: Topic| said.iter().filter(move |it| it.topic == topic);
    let switch = only(about(Topic::PrismIsOn), |texts| texts.first()?.parse::<bool>().ok());
    let port = only(about(Topic::PrismPort), |texts| texts.first()?.parse::<u16>().ok());
    let is_unsure = switch.is_none() && about(Topic::PrismIsOn).next().is_some()
        || port.is_none() && about(Topic::PrismPort).next().is_some();
    match (switch, port) {
        _ if is_unsure => None,
        (Some(switch), _) if !switch.is => Some(Fact { is: None, place: switch.place, is_default: false }),
        (_, Some(port)) => Some(Fact { is: Some(port.is), place: port.place, is_default: false }),
        (Some(switch), None) => Some(Fact { is: Some(PRISM), place: switch.place, is_default: false }),
        (None, None) => None,
    }
}

/// Whether an address stands anywhere in the repository but in documentation and at these places.
pub fn is_written_elsewhere(survey: &Survey, address: &str, besides: &BTreeSet<Place>) -> bool {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '.';
    survey.repository.files().filter(|(path, _)| !path.ends_with(".md")).any(|(_, file)| {
        let Some(source) = file.source else { return false };
        let text = &survey.repository.sources.get(source).text;
        text.match_indices(address).any(|(at, _)| {
            let end = at + address.len();
            let is_whole = !text[..at].ends_with(is_part)
                && !text[end..].starts_with(|letter: char| letter.is_ascii_alphanumeric());
            let within = |place: &Place| {
                let span = place.span.range();
                place.source == source && span.start <= at && end <= span.end
            };
            is_whole && !besides.iter().any(within)
        })
    })
}

/// The place of a word within the text at a place, where it is written there as it is.
pub fn word_in(survey: &Survey, place: Place, word: &str) -> Place {
    let span = place.span.range();
    let text = survey.repository.sources.get(place.source).text.get(span.clone());
    match text.and_then(|text| text.find(word)) {
        Some(at) => Place { source: place.source, span: Span::new(span.start + at, span.start + at + word.len()) },
        None => place,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{survey, world::MemWorld};

    fn foundation(files: &[(&str, &str)]) -> Option<Foundation> {
        let survey = survey::survey(&MemWorld::new(files.iter().copied()), &survey::Options::default()).unwrap();
        Foundation::of(&survey, None)
    }

    fn pods(files: &[(&str, &str)]) -> Option<(String, bool)> {
        let pods = foundation(files)?.pods?;
        Some((pods.is.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "), pods.is_default))
    }

    const CONFIGURATION: &str =
        "machine:\n  type: controlplane\ncluster:\n  controlPlane:\n    endpoint: https://10.2.3.1:6443\n";

    fn patch(network: &str) -> String {
        format!("cluster:\n  network:\n    podSubnets:\n      - {network}\n")
    }

    #[test]
    fn what_two_files_say_differently_is_not_known() {
        let (left, right) = (patch("10.30.0.0/16"), patch("10.40.0.0/16"));
        let known = Some(("10.30.0.0/16".to_owned(), false));
        assert_eq!(pods(&[("talos/a.yaml", &left)]), known);
        assert_eq!(pods(&[("talos/a.yaml", &left), ("talos/b.yaml.j2", &left)]), known);
        assert_eq!(pods(&[("talos/a.yaml", &left), ("talos/b.yaml", &right)]), None);
        assert_eq!(pods(&[("talos/a.yaml", &left), ("talos/b.yaml.j2", &patch("{{ pods }}"))]), None);
    }

    #[test]
    fn the_default_holds_only_where_nothing_speaks_of_it() {
        let default = Some(("10.244.0.0/16".to_owned(), true));
        assert_eq!(pods(&[("talos/a.yaml", CONFIGURATION)]), default);
        // An unknown format that has the word may set it.
        assert_eq!(
            pods(&[
                ("talos/a.yaml", CONFIGURATION),
                ("talos/patch.yaml", "- op: add\n  path: /cluster/network/podSubnets\n")
            ]),
            None
        );
        // A patch of a part says nothing of the whole.
        assert_eq!(pods(&[("talos/a.yaml", "machine:\n  sysctls: {a: b}\n")]), None);
    }

    #[test]
    fn name_servers_are_the_tenth_address_of_services() {
        let text = "cluster:\n  network:\n    serviceSubnets: [10.31.0.0/16, \"fd31::/112\"]\n";
        let dns = foundation(&[("talos/a.yaml", text)]).unwrap().dns.unwrap();
        assert_eq!(dns.is.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.31.0.10", "fd31::a"]);
    }

    #[test]
    fn endpoints_have_a_host_and_a_port() {
        let read = |text: &str| endpoint(text).map(|it| format!("{} {}", it.host, it.port));
        assert_eq!(read("https://10.2.3.1:6443").as_deref(), Some("10.2.3.1 6443"));
        assert_eq!(read("https://[fd00::1]:6443/").as_deref(), Some("fd00::1 6443"));
        assert_eq!(read("https://api.example.org").as_deref(), Some("api.example.org 443"));
        assert_eq!(read("https://${name}:6443"), None);
        assert_eq!(read("{{ endpoint }}"), None);
    }
}
