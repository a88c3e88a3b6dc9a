//! A host and path lead to one place.

use std::collections::BTreeMap;

use crate::{
    claim::ObjectId,
    code,
    diagnostic::{Diagnostic, Severity},
    flux::Object,
    hosts::is_host,
    node::{Kind, Node},
    source::Place,
    survey::Survey,
};

/// Where a host enters the cluster: the class of an Ingress or the listener of a Gateway, the host, what is matched in it.
type Entrance = (String, String, String);

/// What a host leads to.
struct Route {
    entrance: Entrance,
    place: Place,
    who: String,
    object: ObjectId,
    unit: usize,
}

/// Ingresses and routes of different units that take the same host and path at the same entrance.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let mut told = std::collections::BTreeSet::new();
    for (at, cluster) in survey.clusters.iter().enumerate() {
        let mut routes = Vec::new();
        for (unit, object) in cluster
            .units
            .iter()
            .enumerate()
            .flat_map(|(unit, of)| of.objects().iter().map(move |object| (unit, object)))
        {
            match (object.id.group.as_str(), object.id.kind.as_str()) {
                ("networking.k8s.io", "Ingress") => ingress(unit, object, &mut routes),
                ("gateway.networking.k8s.io", "HTTPRoute") => route(unit, object, &mut routes),
                _ => {}
            }
        }
        for release in survey.releases.iter().filter(|release| release.cluster == at && release.has_all_values) {
            if release.chart.as_ref().is_some_and(|chart| chart.name == "app-template") {
                of_values(release, &mut routes);
            }
        }
        let mut first: BTreeMap<&Entrance, &Route> = BTreeMap::new();
        for route in &routes {
            let known = *first.entry(&route.entrance).or_insert(route);
            if known.object != route.object && known.unit != route.unit && told.insert((known.place, route.place)) {
                found.push(finding(known, route));
            }
        }
    }
}

fn ingress(unit: usize, object: &Object, routes: &mut Vec<Route>) {
    let annotations = object.node.at(["metadata", "annotations"]).map(Node::entries).unwrap_or_default();
    // Some controllers join or weigh several Ingresses of one host.
    let joins = ["canary", "mergeable", "group.name", "group-name", "mergeable-ingress-type"];
    if annotations.iter().any(|one| joins.iter().any(|mark| one.key.contains(mark))) {
        return;
    }
    let old =
        annotations.iter().find(|one| one.key == "kubernetes.io/ingress.class").and_then(|one| one.value.as_str());
    let class = object.node.at(["spec", "ingressClassName"]).and_then(Node::as_str).or(old).unwrap_or_default();
    for rule in object.node.at(["spec", "rules"]).map(Node::items).unwrap_or_default() {
        let Some(host) = rule.get("host") else { continue };
        for path in rule.at(["http", "paths"]).map(Node::items).unwrap_or_default() {
            let path = path.get("path").and_then(Node::as_str).unwrap_or("/");
            add(format!("ingress {class}"), host, path.to_owned(), unit, &object.id, routes);
        }
    }
}

fn route(unit: usize, object: &Object, routes: &mut Vec<Route>) {
    let home = object.id.namespace.as_deref().unwrap_or_default();
    if let Some(spec) = object.node.get("spec") {
        routed(spec, home, unit, &object.id, &mut |host| host.clone(), routes);
    }
}

/// The hosts of an HTTPRoute's spec at each of its parents.
fn routed(
    spec: &Node,
    home: &str,
    unit: usize,
    object: &ObjectId,
    resolve: &mut impl FnMut(&Node) -> Node,
    routes: &mut Vec<Route>,
) {
    let items = |key: &str| spec.get(key).map(Node::items).unwrap_or_default();
    for parent in items("parentRefs") {
        let text = |key: &str| {
            parent.get(key).map(|node| node.as_str().map_or_else(|| node.to_json().to_string(), str::to_owned))
        };
        let namespace = text("namespace").unwrap_or_else(|| home.to_owned());
        let gate = format!(
            "gateway {namespace}/{}/{}/{}",
            text("name").unwrap_or_default(),
            text("sectionName").unwrap_or_default(),
            text("port").unwrap_or_default()
        );
        for host in items("hostnames").iter().map(&mut *resolve) {
            let mut matches: Vec<String> = items("rules")
                .iter()
                .filter_map(|rule| rule.get("matches"))
                .flat_map(Node::items)
                .map(|one| one.to_json().to_string())
                .collect();
            if items("rules").iter().all(|rule| rule.get("matches").is_none()) {
                matches.push("/".to_owned());
            }
            for one in matches {
                let is_all = one.contains("\"value\":\"/\"")
                    && !one.contains("headers")
                    && !one.contains("method")
                    && !one.contains("Exact");
                add(gate.clone(), &host, if is_all { "/".to_owned() } else { one }, unit, object, routes);
            }
        }
    }
}

/// `ingress` and `route` of the chart app-template (4.x).
fn of_values(release: &crate::claims::helm::Release, routes: &mut Vec<Route>) {
    let is_on = |node: &Node| node.get("enabled").is_none_or(|flag| flag.kind != Kind::Bool(false));
    let mut resolve = |host: &Node| {
        let text = host
            .as_str()
            .unwrap_or_default()
            .replace("{{ .Release.Name }}", &release.name)
            .replace("{{.Release.Name}}", &release.name);
        Node { place: host.place, kind: Kind::String(text) }
    };
    let part = |key: &str| release.values.get(key).map(Node::entries).unwrap_or_default();
    for ingress in part("ingress").iter().map(|entry| &entry.value).filter(|ingress| is_on(ingress)) {
        let class = ingress.get("className").and_then(Node::as_str).unwrap_or_default();
        for host in ingress.get("hosts").map(Node::items).unwrap_or_default() {
            let Some(name) = host.get("host").map(&mut resolve) else { continue };
            for path in host.get("paths").map(Node::items).unwrap_or_default() {
                let path = path.get("path").and_then(Node::as_str).unwrap_or("/");
                add(format!("ingress {class}"), &name, path.to_owned(), release.unit, &release.object, routes);
            }
        }
    }
    for route in part("route").iter().map(|entry| &entry.value).filter(|route| is_on(route)) {
        if route.get("kind").is_none_or(|kind| kind.as_str() == Some("HTTPRoute")) {
            routed(route, &release.target_namespace, release.unit, &release.object, &mut resolve, routes);
        }
    }
}

fn add(gate: String, host: &Node, matched: String, unit: usize, object: &ObjectId, routes: &mut Vec<Route>) {
    let Some(name) = host.as_str().filter(|name| is_host(name)) else { return };
    routes.push(Route {
        entrance: (gate, name.to_lowercase(), matched),
        place: host.place,
        who: format!("{} `{}`", object.kind, object.name),
        object: object.clone(),
        unit,
    });
}

fn finding(first: &Route, second: &Route) -> Diagnostic {
    let (_, host, matched) = &first.entrance;
    let path = if matched.starts_with('/') && matched.len() > 1 { format!("{host}{matched}") } else { host.clone() };
    Diagnostic::new(code!("host-twice"), format!("host `{path}` leads to {} and to {}", first.who, second.who))
        .severity(Severity::Warning)
        .at(second.place, "")
        .at(first.place, format!("{} has it as well", first.who))
        .note("which of them answers is up to the controller, and may be the other one after a rebuild")
        .help("give one of them another host or path")
        .about(host.clone())
}
