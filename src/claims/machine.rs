//! What machine configurations of Talos say about the cluster around them: its networks, its domain, where its API server answers.
//!
//! Talos 1.11–1.14, in one document or several, and talhelper's description of a cluster.

use super::outline::Line;
use crate::{
    node::{Kind, Node},
    source::Place,
};

/// What something is said about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// The networks that pods get addresses of.
    Pods,
    /// The networks that services get addresses of.
    Services,
    /// The domain of names inside the cluster.
    Domain,
    /// Where all of the cluster finds the API server.
    Endpoint,
    /// An address that the control planes share.
    Vip,
    /// Whom pods ask for names.
    Dns,
    /// The port on which every node answers for the API server.
    PrismPort,
    /// Whether it does.
    PrismIsOn,
    /// A pod that runs without the API server.
    StaticPod,
}

/// Something that a configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// About what.
    pub topic: Topic,
    /// The value, or the items of a list; an empty text where it is no plain value.
    pub texts: Vec<String>,
    /// Where.
    pub place: Place,
}

/// A machine configuration, or a patch of one.
pub fn of_configuration(document: &Node, said: &mut Vec<Said>) {
    walk(document, &mut Vec::new(), &topic, said);
}

/// One document of a configuration of several.
pub fn of_document(kind: &str, document: &Node, said: &mut Vec<Said>) {
    if kind == "KubeStaticPodConfig" {
        said.push(Said { topic: Topic::StaticPod, texts: Vec::new(), place: document.place });
    }
    for entry in document.entries() {
        if let Some(topic) = topic_of_kind(kind, &entry.key) {
            said.push(of_node(topic, &entry.value));
        }
    }
}

/// talhelper's description of a cluster.
pub fn of_talconfig(document: &Node, said: &mut Vec<Said>) {
    let topic = |path: &[&str]| match path {
        ["clusterPodNets"] => Some(Topic::Pods),
        ["clusterSvcNets"] => Some(Topic::Services),
        ["domain"] => Some(Topic::Domain),
        ["endpoint"] => Some(Topic::Endpoint),
        [.., "vip", "ip"] => Some(Topic::Vip),
        _ => None,
    };
    walk(document, &mut Vec::new(), &topic, said);
}

/// A template of configurations.
pub fn of_lines(lines: &[Line], said: &mut Vec<Said>) {
    for (at, line) in lines.iter().enumerate() {
        let in_document = |other: &&Line| other.document == line.document;
        let kind = lines.iter().filter(in_document).find(|other| other.path == ["kind"]);
        let keys = line.keys();
        let found = match (kind, keys.as_slice()) {
            (Some(kind), [key]) => topic_of_kind(&kind.value, key),
            (None, path) => topic(path),
            _ => None,
        };
        let Some(topic) = found else { continue };
        let is_item = |other: &&Line| other.path.len() == keys.len() + 1 && other.path.starts_with(&line.path);
        let items: Vec<&Line> = lines[at + 1..].iter().take_while(is_item).collect();
        let (texts, place) = match (items.first(), line.value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')))
        {
            (Some(first), _) if line.value.is_empty() => {
                (items.iter().map(|item| item.value.clone()).collect(), first.place)
            }
            (_, Some(list)) => {
                (list.split(',').map(|item| item.trim().trim_matches(['"', '\'']).to_owned()).collect(), line.place)
            }
            _ => (vec![line.value.clone()], line.place),
        };
        said.push(Said { topic, texts, place });
    }
}

/// What a key of a machine configuration is about.
fn topic(path: &[&str]) -> Option<Topic> {
    match path {
        ["cluster", "network", "podSubnets"] => Some(Topic::Pods),
        ["cluster", "network", "serviceSubnets"] => Some(Topic::Services),
        ["cluster", "network", "dnsDomain"] => Some(Topic::Domain),
        ["cluster", "controlPlane", "endpoint"] => Some(Topic::Endpoint),
        ["machine", "network", .., "vip", "ip"] => Some(Topic::Vip),
        ["machine", "kubelet", "clusterDNS"] => Some(Topic::Dns),
        ["machine", "features", "kubePrism", "port"] => Some(Topic::PrismPort),
        ["machine", "features", "kubePrism", "enabled"] => Some(Topic::PrismIsOn),
        ["machine", "pods"] => Some(Topic::StaticPod),
        _ => None,
    }
}

/// What a key of a document is about.
fn topic_of_kind(kind: &str, key: &str) -> Option<Topic> {
    match (kind, key) {
        ("KubeNetworkConfig", "podSubnets") => Some(Topic::Pods),
        ("KubeNetworkConfig", "serviceSubnets") => Some(Topic::Services),
        ("KubeNetworkConfig", "dnsDomain") => Some(Topic::Domain),
        ("KubeClusterConfig", "endpoint") => Some(Topic::Endpoint),
        ("Layer2VIPConfig" | "HCloudVIPConfig", "name") => Some(Topic::Vip),
        ("KubeletConfig", "clusterDNS") => Some(Topic::Dns),
        ("KubePrismConfig", "port") => Some(Topic::PrismPort),
        ("KubeStaticPodConfig", "name") => Some(Topic::StaticPod),
        _ => None,
    }
}

fn walk<'n>(node: &'n Node, path: &mut Vec<&'n str>, topic: &impl Fn(&[&str]) -> Option<Topic>, said: &mut Vec<Said>) {
    for entry in node.entries() {
        path.push(&entry.key);
        match topic(path) {
            Some(topic) => said.push(of_node(topic, &entry.value)),
            None => walk(&entry.value, path, topic, said),
        }
        path.pop();
    }
    for item in node.items() {
        path.push("-");
        walk(item, path, topic, said);
        path.pop();
    }
}

fn of_node(topic: Topic, value: &Node) -> Said {
    let items = value.items();
    let texts = if items.is_empty() { vec![text(value)] } else { items.iter().map(text).collect() };
    Said { topic, texts, place: items.first().map_or(value.place, |first| first.place) }
}

fn text(node: &Node) -> String {
    match &node.kind {
        Kind::String(text) => text.clone(),
        Kind::Number(number) => number.to_string(),
        Kind::Bool(flag) => flag.to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{claims::outline, source::Sources, yaml};

    fn shown(said: &[Said]) -> Vec<String> {
        said.iter().map(|said| format!("{:?} {}", said.topic, said.texts.join(" "))).collect()
    }

    const TEXT: &str = "machine:\n  network:\n    interfaces:\n      - interface: eth0\n        vip:\n          ip: 10.2.3.1\n  features:\n    kubePrism:\n      port: 7445\ncluster:\n  network:\n    podSubnets:\n      - 10.30.0.0/16\n      - fd30::/56\n    serviceSubnets: [\"10.31.0.0/16\"]\n---\napiVersion: v1alpha1\nkind: KubeClusterConfig\nclusterName: home\nendpoint: https://10.2.3.1:6443\n";
    const SAID: [&str; 5] = [
        "Vip 10.2.3.1",
        "PrismPort 7445",
        "Pods 10.30.0.0/16 fd30::/56",
        "Services 10.31.0.0/16",
        "Endpoint https://10.2.3.1:6443",
    ];

    #[test]
    fn a_configuration_and_a_template_of_it_say_the_same() {
        let source = Sources::default().add("a.yaml", TEXT);
        let mut said = Vec::new();
        let documents = yaml::read(source, TEXT).documents;
        of_configuration(&documents[0].root, &mut said);
        of_document("KubeClusterConfig", &documents[1].root, &mut said);
        assert_eq!(shown(&said), SAID);
        let mut lines = Vec::new();
        of_lines(&outline::of_yaml(source, TEXT), &mut lines);
        assert_eq!(shown(&lines), SAID);
    }

    #[test]
    fn a_description_for_talhelper_names_things_otherwise() {
        let text = "clusterName: home\nendpoint: https://10.2.3.1:6443\nclusterPodNets: [10.30.0.0/16]\nnodes:\n  - hostname: north\n    networkInterfaces:\n      - vip: {ip: 10.2.3.1}\n";
        let source = Sources::default().add("a.yaml", text);
        let mut said = Vec::new();
        of_talconfig(&yaml::read(source, text).documents[0].root, &mut said);
        assert_eq!(shown(&said), ["Endpoint https://10.2.3.1:6443", "Pods 10.30.0.0/16", "Vip 10.2.3.1"]);
    }
}
