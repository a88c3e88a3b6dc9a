//! Kinds of faults, and every place of a tree where each can be planted.

use std::{collections::BTreeMap, ops::RangeInclusive};

use gitopsc::world::MemWorld;

use super::trees::{Tree, unit as kustomization};

/// A kind of fault.
pub struct Kind {
    pub name: &'static str,
    /// The code it is to be found under.
    pub code: &'static str,
    /// Plants one at each place that the tree has for it.
    pub plant: for<'t> fn(&'t Tree) -> Vec<Fault<'t>>,
}

/// A tree with one fault.
pub struct Fault<'t> {
    pub tree: &'t Tree,
    changes: BTreeMap<String, Option<String>>,
    /// Where it was planted.
    pub path: String,
    pub lines: RangeInclusive<usize>,
}

impl Fault<'_> {
    pub fn world(&self) -> MemWorld {
        let world = self.tree.world();
        for (path, text) in &self.changes {
            match text {
                Some(text) => world.put(path, text.as_bytes()),
                None => world.delete(path),
            }
        }
        world
    }
}

const fn kind(name: &'static str, code: &'static str, plant: for<'t> fn(&'t Tree) -> Vec<Fault<'t>>) -> Kind {
    Kind { name, code, plant }
}

/// Every kind.
pub const KINDS: &[Kind] = &[
    kind("an object copied into another unit", "owned-twice", copied),
    kind("a Namespace that another unit makes too", "owned-twice", namespace_copied),
    kind("a unit that applies itself", "owned-twice", applies_itself),
    kind("two HelmReleases of one release", "release-twice", release_twice),
    kind("an inline manifest of Talos", "handover-undeclared", talos_manifest),
    kind("an object of Terraform", "owned-twice", terraform_object),
    kind("a release of Terraform", "release-twice", terraform_release),
    kind("an application of Argo CD over a unit's folder", "owned-twice", argo_folder),
    kind("a dependency misspelt", "depends-unknown", depends_misspelt),
    kind("a dependency on a HelmRelease", "depends-unknown", depends_on_release),
    kind("a dependency back", "cycle", circle),
    kind("a child that waits for its waiting parent", "parent-waits", parent_waits),
    kind("a unit waited for without `wait`", "depends-unready", unready),
    kind("a custom resource beside the release of its kind", "crd-same-unit", beside_release),
    kind("a dependency taken out", "order-missing", order_missing),
    kind("a path misspelt", "path-missing", path_misspelt),
    kind("a source misspelt", "source-missing", source_misspelt),
    kind("a file that is listed and not there", "resource-missing", listed_not_there),
    kind("a file deleted", "resource-missing", deleted),
    kind("a bracket never closed", "yaml-syntax", never_closed),
    kind("a tab for indentation", "yaml-syntax", tab),
    kind("a key written twice", "key-twice", key_twice),
    kind("an object twice in one unit", "object-twice", object_twice),
    kind("a variable without a value", "variable-undefined", undefined),
    kind("a substitution never closed", "substitution-malformed", substitution),
    kind("an API version of Flux that is gone", "api-removed", flux_api),
    kind("an API version of Kubernetes that is gone", "api-removed", kubernetes_api),
    kind("health checks beside `wait`", "health-checks-ignored", checks_ignored),
    kind("a health check of nothing", "health-check-missing", check_of_nothing),
    kind("a Namespace in a unit with a target namespace", "namespace-renamed", namespace_renamed),
    kind("an object without a namespace", "namespace-unset", namespace_unset),
    kind("a file that is not listed", "file-unused", unlisted),
    kind("a unit that is not listed", "unit-unreachable", unit_unlisted),
    kind("a chart without one version", "chart-floating", floating),
    kind("a value that the schema of its chart does not allow", "chart-values-invalid", value_refused),
    kind("a field misspelt", "manifest-field-unknown", field_misspelt),
    kind("a text for a number", "manifest-type", wrong_type),
    kind("a secret never set", "secret-placeholder", never_set),
    kind("a Secret in plain text", "secret-plaintext", plain_secret),
    kind("Flux bootstrapped twice", "flux-bootstrap-twice", bootstrapped_twice),
    kind("Terraform that cannot be parsed", "terraform-syntax", terraform_syntax),
    kind("a file that git-lfs keeps", "file-unreadable", lfs_pointer),
    kind("a patch of nothing", "build-fails", patch_of_nothing),
    kind("a JSON patch of a field that is not there", "build-fails", json_patch),
    kind("OpenTofu code that is not there", "tofu-missing", no_code),
    kind("`createNamespace` beside an owned Namespace", "create-namespace-owned", create_namespace),
    kind("a Secret that nobody makes", "secret-unmade", secret_unmade),
    kind("a Secret called after its release", "secret-unmade", secret_of_release),
    kind("a ConfigMap that nobody makes", "configmap-unmade", map_unmade),
    kind("a key that is not in it", "key-unmade", key_unmade),
    kind("an address that no pool has", "address-stray", address_stray),
    kind("a bootstrap of another version", "versions-disagree", versions_disagree),
    kind("a pod network of another network", "networks-disagree", pods_disagree),
    kind("a Service outside of the services' network", "networks-disagree", service_disagrees),
    kind("a name in another domain than the cluster's", "networks-disagree", domain_disagrees),
    kind("an API server asked on another port", "endpoints-disagree", port_disagrees),
    kind("an API server asked where nothing is", "endpoints-disagree", host_disagrees),
];

/// An object in a file.
struct Document<'t> {
    path: &'t str,
    /// The number of its first line.
    first: usize,
    lines: Vec<&'t str>,
}

impl Document<'_> {
    fn value(&self, key: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| line.strip_prefix(key)).map(str::trim)
    }

    fn kind(&self) -> &str {
        self.value("kind:").unwrap_or_default()
    }

    /// The name in its metadata: the first line with such a key.
    fn name(&self) -> &str {
        self.value("  name:").unwrap_or_default()
    }

    fn namespace(&self) -> &str {
        self.value("  namespace:").unwrap_or_default()
    }

    fn is(&self, kind: &str, group: &str) -> bool {
        self.kind() == kind && self.value("apiVersion:").is_some_and(|version| version.starts_with(group))
    }

    fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// The numbers of the lines that a condition holds for.
    fn numbers(&self, holds: impl Fn(&str) -> bool) -> Vec<usize> {
        let numbered = self.lines.iter().enumerate();
        numbered.filter(|(_, line)| holds(line)).map(|(at, _)| self.first + at).collect()
    }

    /// The number of the first line that begins so.
    fn number(&self, start: &str) -> Option<usize> {
        self.numbers(|line| line.starts_with(start)).first().copied()
    }

    fn line(&self, number: usize) -> &str {
        self.lines[number - self.first]
    }
}

fn documents(tree: &Tree) -> Vec<Document<'_>> {
    let mut found = Vec::new();
    for (path, text) in tree.files.iter().filter(|(path, _)| path.ends_with(".yaml")) {
        let mut document = Document { path, first: 1, lines: Vec::new() };
        for (at, line) in text.lines().enumerate() {
            if line == "---" {
                let next = Document { path, first: at + 2, lines: Vec::new() };
                found.push(std::mem::replace(&mut document, next));
            } else {
                document.lines.push(line);
            }
        }
        found.push(document);
    }
    found.retain(|document| !document.name().is_empty() && !document.kind().is_empty());
    found
}

/// A Flux Kustomization.
struct Unit<'t> {
    document: Document<'t>,
    name: String,
    namespace: String,
    folder: String,
}

impl Unit<'_> {
    fn target(&self) -> &str {
        self.document.value("  targetNamespace:").unwrap_or_default()
    }

    fn waits(&self) -> bool {
        self.document.number("  wait: true").is_some()
    }

    /// The numbers of the lines that name its dependencies.
    fn dependencies(&self) -> Vec<usize> {
        let Some(start) = self.document.number("  dependsOn:") else { return Vec::new() };
        let inside = |number: &usize| self.document.line(*number).starts_with("    ");
        let last = self.document.first + self.document.lines.len();
        let lines = (start + 1..last).take_while(inside);
        lines.filter(|number| self.document.line(*number).starts_with("    - name: ")).collect()
    }
}

fn units(tree: &Tree) -> Vec<Unit<'_>> {
    let all = documents(tree).into_iter().filter(|document| document.is("Kustomization", "kustomize.toolkit"));
    let unit = |document: Document<'_>| {
        let path = document.value("  path:").unwrap_or_default().trim_start_matches("./").to_owned();
        let own = document.namespace();
        // Those of the larger tree lie in the namespace of their folder.
        let namespace = if own.is_empty() { "flux-system" } else { own }.to_owned();
        (document.name().to_owned(), namespace, path)
    };
    all.map(|document| {
        let (name, namespace, folder) = {
            let copy = Document { path: document.path, first: document.first, lines: document.lines.clone() };
            unit(copy)
        };
        Unit { document, name, namespace, folder }
    })
    .collect()
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Objects with the unit whose folder they lie in.
fn applied<'t>(tree: &'t Tree) -> Vec<(usize, Document<'t>)> {
    let units = units(tree);
    let of = |document: Document<'t>| {
        let at = units.iter().position(|unit| unit.folder == parent(document.path))?;
        (!document.is("Kustomization", "kustomize")).then_some((at, document))
    };
    documents(tree).into_iter().filter_map(of).collect()
}

/// A tree being changed.
struct Change<'t> {
    tree: &'t Tree,
    changes: BTreeMap<String, Option<String>>,
}

impl<'t> Change<'t> {
    fn of(tree: &'t Tree) -> Self {
        Change { tree, changes: BTreeMap::new() }
    }

    fn text(&self, path: &str) -> &str {
        let changed = self.changes.get(path).map(|text| text.as_deref().unwrap_or_default());
        changed.or_else(|| self.tree.files.get(path).map(String::as_str)).unwrap_or_default()
    }

    fn put(&mut self, path: &str, text: impl Into<String>) {
        self.changes.insert(path.to_owned(), Some(text.into()));
    }

    /// Writes other lines in place of a line; without any, takes it out.
    fn replace(&mut self, path: &str, number: usize, lines: &[&str]) {
        let mut all: Vec<&str> = self.text(path).lines().collect();
        all.splice(number - 1..number, lines.iter().copied());
        let text = all.iter().map(|line| format!("{line}\n")).collect::<String>();
        self.put(path, text);
    }

    /// Writes lines after a line.
    fn insert(&mut self, path: &str, after: usize, lines: &[&str]) {
        let mut all: Vec<&str> = self.text(path).lines().collect();
        all.splice(after..after, lines.iter().copied());
        let text = all.iter().map(|line| format!("{line}\n")).collect::<String>();
        self.put(path, text);
    }

    /// Puts a file into a folder, and into its list if it has one.
    fn add(&mut self, folder: &str, name: &str, text: &str) -> String {
        let path = format!("{folder}/{name}");
        self.put(&path, text);
        self.list(folder, name);
        path
    }

    /// Lists an entry among the resources of a folder; the number of its line, where there is a list.
    fn list(&mut self, folder: &str, entry: &str) -> Option<(String, usize)> {
        let list = format!("{folder}/kustomization.yaml");
        let number = self.text(&list).lines().position(|line| line == "resources:")? + 1;
        self.insert(&list, number, &[&format!("  - {entry}")]);
        Some((list, number + 1))
    }

    fn at(self, path: impl Into<String>, line: usize) -> Fault<'t> {
        self.within(path, line..=line)
    }

    fn within(self, path: impl Into<String>, lines: RangeInclusive<usize>) -> Fault<'t> {
        Fault { tree: self.tree, changes: self.changes, path: path.into(), lines }
    }
}

/// The number of the line with an object's name, in a text that begins with the object.
fn name_line(text: &str) -> usize {
    text.lines().position(|line| line.starts_with("  name:")).map_or(1, |at| at + 1)
}

/// The last part of a path.
fn short(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// For every line of every document that a condition holds for: the same tree with other lines in its place, and a fault there.
fn instead<'t>(
    tree: &'t Tree,
    wanted: impl Fn(&Document<'t>, &str) -> bool,
    lines: impl Fn(&str) -> Vec<String>,
    fault: usize,
) -> Vec<Fault<'t>> {
    let mut faults = Vec::new();
    for document in documents(tree) {
        for number in document.numbers(|line| wanted(&document, line)) {
            let mut change = Change::of(tree);
            let new = lines(document.line(number));
            change.replace(document.path, number, &new.iter().map(String::as_str).collect::<Vec<_>>());
            faults.push(change.at(document.path, number + fault));
        }
    }
    faults
}

/// Whether it is one of those that are made of applications.
fn is_home(tree: &Tree) -> bool {
    tree.files.contains_key("kubernetes/apps/kustomization.yaml")
}

/// Whether it is applied as it is written: no patch, no base of others.
fn is_plain(tree: &Tree) -> bool {
    is_home(tree) || tree.name == "worked example"
}

fn copied(tree: &Tree) -> Vec<Fault<'_>> {
    let units = units(tree);
    let mut faults = Vec::new();
    for (at, document) in applied(tree).iter().filter(|_| is_plain(tree)) {
        if !["ConfigMap", "HelmRelease", "Certificate", "Service", "PersistentVolumeClaim"].contains(&document.kind()) {
            continue;
        }
        let other = units.iter().enumerate().find(|(other, unit)| {
            other != at
                && unit.target() == units[*at].target()
                && tree.files.contains_key(&format!("{}/kustomization.yaml", unit.folder))
        });
        if let Some((_, other)) = other {
            let mut change = Change::of(tree);
            let text = document.text();
            let path = change.add(&other.folder, "copy.yaml", &text);
            faults.push(change.at(path, name_line(&text)));
        }
    }
    faults
}

/// A Namespace in a second unit without a target namespace.
fn namespace_copied(tree: &Tree) -> Vec<Fault<'_>> {
    let namespaces: Vec<Document<'_>> = documents(tree).into_iter().filter(|it| it.is("Namespace", "v1")).collect();
    let homes: Vec<Unit<'_>> =
        units(tree).into_iter().filter(|unit| unit.target().is_empty() && is_plain(tree)).collect();
    let homes: Vec<&Unit<'_>> =
        homes.iter().filter(|unit| unit.folder.contains("apps/") && !unit.folder.ends_with("apps")).collect();
    let mut faults = Vec::new();
    for (at, namespace) in namespaces.iter().enumerate() {
        for home in homes.iter().skip(at % 3).step_by(7) {
            let mut change = Change::of(tree);
            let text = namespace.text();
            let path = change.add(&home.folder, "home.yaml", &text);
            faults.push(change.at(path, name_line(&text)));
        }
    }
    faults
}

fn applies_itself(tree: &Tree) -> Vec<Fault<'_>> {
    let mut faults = Vec::new();
    // A build that is refused is not judged.
    for unit in units(tree).iter().filter(|_| tree.name != "overlays") {
        let up = "../".repeat(unit.folder.split('/').count());
        let mut change = Change::of(tree);
        if change.list(&unit.folder, &format!("{up}{}", unit.document.path)).is_some() {
            let number = unit.document.number("  name:").unwrap();
            // A target namespace would make another one of it.
            if unit.target().is_empty() || unit.target() == unit.namespace {
                faults.push(change.at(unit.document.path, number));
            }
        }
    }
    faults
}

fn releases(tree: &Tree) -> Vec<(usize, Document<'_>)> {
    let all = applied(tree).into_iter().filter(|_| is_plain(tree));
    all.filter(|(_, document)| document.is("HelmRelease", "helm.toolkit")).collect()
}

/// The namespace a release of the unit lies in.
fn home_of<'a>(unit: &'a Unit<'_>, document: &'a Document<'_>) -> &'a str {
    if unit.target().is_empty() { document.namespace() } else { unit.target() }
}

/// The name of a release.
fn release_name<'a>(document: &'a Document<'_>) -> &'a str {
    document.value("  releaseName:").unwrap_or(document.name())
}

fn release_twice(tree: &Tree) -> Vec<Fault<'_>> {
    let units = units(tree);
    let mut faults = Vec::new();
    for (at, document) in releases(tree) {
        let number = document.number("spec:").unwrap();
        let mut lines: Vec<String> = document.lines.iter().map(|line| (*line).to_owned()).collect();
        lines.retain(|line| !line.starts_with("  releaseName:"));
        let name = format!("  name: {}-second", document.name());
        let at_name = number_in(&lines, "  name:");
        lines[at_name] = name;
        let spec = number_in(&lines, "spec:");
        lines.insert(spec + 1, format!("  releaseName: {}", release_name(&document)));
        let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let mut change = Change::of(tree);
        let path = change.add(&units[at].folder, "second.yaml", &text);
        assert!(number > 0);
        faults.push(change.within(path, at_name + 1..=spec + 2));
    }
    faults
}

fn number_in(lines: &[String], start: &str) -> usize {
    lines.iter().position(|line| line.starts_with(start)).unwrap_or_default()
}

/// Objects that Talos is to make at the first boot and that a unit owns.
fn talos_manifest(tree: &Tree) -> Vec<Fault<'_>> {
    let units = units(tree);
    let machines: Vec<&str> = tree.files.keys().map(String::as_str).filter(|path| path.starts_with("talos/")).collect();
    let mut faults = Vec::new();
    for (count, (at, document)) in
        applied(tree).iter().filter(|(_, it)| it.kind() == "ConfigMap" || it.kind() == "Service").enumerate()
    {
        let Some(machine) = machines.get(count % machines.len().max(1)) else { continue };
        let mut change = Change::of(tree);
        let text = change.text(machine).to_owned();
        let first = text.lines().count() + 1;
        let inner: String = document.lines.iter().map(|line| format!("        {line}\n")).collect::<String>().replacen(
            "        metadata:\n",
            &format!("        metadata:\n          namespace: {}\n", home_of(&units[*at], document)),
            1,
        );
        let manifest = format!("  inlineManifests:\n    - name: extra\n      contents: |\n{inner}");
        let last = first + manifest.lines().count() - 1;
        change.put(machine, format!("{text}{manifest}"));
        faults.push(change.within(*machine, first..=last));
    }
    faults
}

fn terraform_object(tree: &Tree) -> Vec<Fault<'_>> {
    let units = units(tree);
    let mut faults = Vec::new();
    for (at, document) in applied(tree).iter().filter(|_| is_plain(tree)) {
        let (kind, block) = match document.kind() {
            "ConfigMap" => ("kubernetes_config_map", ""),
            "Service" => ("kubernetes_service", "  spec {\n    type = \"ClusterIP\"\n  }\n"),
            "PersistentVolumeClaim" => ("kubernetes_persistent_volume_claim", ""),
            _ => continue,
        };
        let mut change = Change::of(tree);
        let (name, namespace) = (document.name(), home_of(&units[*at], document));
        let text = format!(
            "# Kept here for now.\n\nresource \"{kind}\" \"this\" {{\n  metadata {{\n    name      = \"{name}\"\n    namespace = \"{namespace}\"\n  }}\n{block}}}\n"
        );
        change.put("terraform/extra/main.tf", text);
        faults.push(change.at("terraform/extra/main.tf", 3));
    }
    faults
}

fn terraform_release(tree: &Tree) -> Vec<Fault<'_>> {
    let units = units(tree);
    let plant = |(at, document): &(usize, Document<'_>)| {
        let mut change = Change::of(tree);
        let (name, namespace) = (release_name(document), home_of(&units[*at], document));
        let text = format!(
            "locals {{\n  home = \"{namespace}\"\n}}\n\nresource \"helm_release\" \"this\" {{\n  name      = \"{name}\"\n  namespace = local.home\n  chart     = \"{name}\"\n}}\n"
        );
        change.put("terraform/extra/main.tf", text);
        change.at("terraform/extra/main.tf", 5)
    };
    releases(tree).iter().map(plant).collect()
}

fn argo_folder(tree: &Tree) -> Vec<Fault<'_>> {
    let all = applied(tree);
    let mut faults = Vec::new();
    for (at, unit) in units(tree).iter().enumerate().filter(|_| is_plain(tree)) {
        let Some((_, first)) = all.iter().find(|(of, it)| *of == at && it.kind() != "Terraform") else { continue };
        let mut change = Change::of(tree);
        let text = format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: copy\n  namespace: argocd\nspec:\n  project: default\n  source:\n    repoURL: https://git.example.org/lab/home\n    path: {}\n    targetRevision: main\n  destination:\n    server: https://kubernetes.default.svc\n    namespace: {}\n  syncPolicy:\n    automated:\n      prune: true\n",
            unit.folder,
            home_of(unit, first)
        );
        change.put("argocd/copy.yaml", text);
        let number = first.number("  name:").unwrap();
        faults.push(change.at(first.path, number));
    }
    faults
}

fn depends_misspelt(tree: &Tree) -> Vec<Fault<'_>> {
    let mut faults = Vec::new();
    for unit in units(tree) {
        for number in unit.dependencies() {
            let mut change = Change::of(tree);
            let line = unit.document.line(number);
            change.replace(unit.document.path, number, &[&format!("{line}x")]);
            faults.push(change.at(unit.document.path, number));
        }
    }
    faults
}

/// Names a HelmRelease whose unit is called otherwise.
fn depends_on_release(tree: &Tree) -> Vec<Fault<'_>> {
    let all = units(tree);
    let mut faults = Vec::new();
    for (at, document) in releases(tree) {
        // In the smaller tree every unit is called like its release, so that the release gets another name.
        for unit in all.iter().filter(|unit| unit.name != all[at].name && unit.namespace == all[at].namespace).take(1) {
            let mut change = Change::of(tree);
            let number = document.number("  name:").unwrap();
            change.replace(document.path, number, &[&format!("  name: {}-chart", document.name())]);
            let line = format!("    - name: {}-chart", document.name());
            let Some(first) = unit.dependencies().first().copied() else {
                let spec = unit.document.number("spec:").unwrap();
                change.insert(unit.document.path, spec, &["  dependsOn:", &line]);
                faults.push(change.at(unit.document.path, spec + 2));
                continue;
            };
            change.insert(unit.document.path, first - 1, &[&line]);
            faults.push(change.at(unit.document.path, first));
        }
    }
    faults
}

/// Makes a unit wait for another; the number of the line that says so.
fn depend(change: &mut Change<'_>, unit: &Unit<'_>, on: &Unit<'_>) -> usize {
    let entry = format!("    - name: {}", on.name);
    let namespace = format!("      namespace: {}", on.namespace);
    let path = unit.document.path;
    if let Some(start) = unit.document.number("  dependsOn:") {
        change.insert(path, start, &[&entry, &namespace]);
        return start + 1;
    }
    let spec = unit.document.number("spec:").unwrap();
    change.insert(path, spec, &["  dependsOn:", &entry, &namespace]);
    spec + 2
}

fn circle(tree: &Tree) -> Vec<Fault<'_>> {
    let all = units(tree);
    let mut faults = Vec::new();
    for unit in &all {
        for number in unit.dependencies() {
            let name = unit.document.line(number).trim_start_matches("    - name: ");
            let Some(other) = all.iter().find(|other| other.name == name) else { continue };
            let mut change = Change::of(tree);
            let line = depend(&mut change, other, unit);
            faults.push(change.at(other.document.path, line));
        }
    }
    faults
}

/// The unit that applies a unit: the one whose folder its file lies in.
fn parent_of<'a, 't>(all: &'a [Unit<'t>], unit: &Unit<'_>) -> Option<&'a Unit<'t>> {
    let holds = |other: &&Unit<'_>| {
        other.name != unit.name
            && unit.document.path.strip_prefix(&other.folder).is_some_and(|rest| rest.starts_with('/'))
    };
    all.iter().filter(holds).max_by_key(|other| other.folder.len())
}

fn parent_waits(tree: &Tree) -> Vec<Fault<'_>> {
    let all = units(tree);
    let mut faults = Vec::new();
    for unit in all.iter().filter(|_| is_plain(tree)) {
        let Some(above) = parent_of(&all, unit) else { continue };
        let mut change = Change::of(tree);
        if !above.waits() {
            let spec = above.document.number("spec:").unwrap();
            change.insert(above.document.path, spec, &["  wait: true"]);
        }
        let line = depend(&mut change, unit, above);
        faults.push(change.at(unit.document.path, line));
    }
    faults
}

fn unready(tree: &Tree) -> Vec<Fault<'_>> {
    let all = units(tree);
    let waited: Vec<String> = all
        .iter()
        .flat_map(|unit| {
            unit.dependencies()
                .into_iter()
                .map(|number| unit.document.line(number).trim_start_matches("    - name: ").to_owned())
        })
        .collect();
    let applied = applied(tree);
    let has_release =
        |at: usize| applied.iter().any(|(of, it)| *of == at && ["HelmRelease", "Deployment"].contains(&it.kind()));
    let mut faults = Vec::new();
    for (_at, unit) in all.iter().enumerate().filter(|(at, _)| has_release(*at)) {
        let Some(number) = unit.document.number("  wait: true") else { continue };
        let mut change = Change::of(tree);
        change.replace(unit.document.path, number, &[]);
        if !waited.contains(&unit.name) {
            // Somebody has to wait for it, who does not come before it.
            let before = |other: &&Unit<'_>| {
                other.namespace == unit.namespace
                    && other.name != unit.name
                    && other.waits()
                    && !waited.contains(&other.name)
            };
            let Some(other) = all.iter().find(before) else { continue };
            depend(&mut change, other, unit);
        }
        let name = unit.document.number("  name:").unwrap();
        faults.push(change.at(unit.document.path, name));
    }
    faults
}

/// Custom resources of operators that a unit installs by a chart.
const CUSTOM: &[(&str, &str, &str)] = &[
    ("cert-manager", "cert-manager.io/v1", "ClusterIssuer"),
    ("cert-manager", "cert-manager.io/v1", "Certificate"),
    ("external-secrets", "external-secrets.io/v1", "ClusterSecretStore"),
    ("external-secrets", "external-secrets.io/v1", "ExternalSecret"),
    ("metallb", "metallb.io/v1beta1", "IPAddressPool"),
    ("metallb", "metallb.io/v1beta1", "L2Advertisement"),
    ("longhorn", "longhorn.io/v1beta2", "RecurringJob"),
    ("longhorn", "longhorn.io/v1beta2", "BackupTarget"),
    ("metallb", "metallb.io/v1beta2", "BGPPeer"),
    ("external-secrets", "external-secrets.io/v1", "SecretStore"),
    ("prometheus", "monitoring.coreos.com/v1", "ServiceMonitor"),
    ("prometheus", "monitoring.coreos.com/v1", "PrometheusRule"),
    ("monitoring", "monitoring.coreos.com/v1", "ServiceMonitor"),
    ("vault-operator", "vault.banzaicloud.com/v1alpha1", "Vault"),
    ("tofu-controller", "infra.contrib.fluxcd.io/v1alpha2", "Terraform"),
];

fn beside_release(tree: &Tree) -> Vec<Fault<'_>> {
    let mut faults = Vec::new();
    for unit in units(tree).iter().filter(|_| is_plain(tree)) {
        for (_, api_version, kind) in CUSTOM.iter().filter(|(operator, _, _)| *operator == unit.name) {
            let mut change = Change::of(tree);
            let home = if unit.target().is_empty() { "default" } else { unit.target() };
            let text = format!(
                "# The first one.\napiVersion: {api_version}\nkind: {kind}\nmetadata:\n  name: first\n  namespace: {home}\nspec: {{}}\n"
            );
            let path = change.add(&unit.folder, "first.yaml", &text);
            faults.push(change.at(path, 2));
        }
    }
    faults
}

/// Takes out a dependency on what brings the kinds that a unit has objects of.
fn order_missing(tree: &Tree) -> Vec<Fault<'_>> {
    let applied = applied(tree);
    let all = units(tree);
    let mut faults = Vec::new();
    for (at, unit) in all.iter().enumerate().filter(|_| is_home(tree)) {
        for number in unit.dependencies() {
            let name = unit.document.line(number).trim_start_matches("    - name: ");
            let group = match name {
                "stores" | "external-secrets" => "external-secrets.io",
                "issuers" | "cert-manager" => "cert-manager.io",
                "metallb" => "metallb.io",
                "tofu-controller" => "infra.contrib.fluxcd.io",
                _ => continue,
            };
            let of_group = |document: &Document<'_>| {
                document.value("apiVersion:").is_some_and(|version| version.starts_with(group))
            };
            let Some((_, user)) = applied.iter().find(|(of, it)| *of == at && of_group(it)) else { continue };
            let mut change = Change::of(tree);
            let mut lines = vec![number, number + 1];
            // A list without entries is none.
            if unit.dependencies().len() == 1 {
                lines.insert(0, number - 1);
            }
            lines.iter().rev().for_each(|line| change.replace(unit.document.path, *line, &[]));
            let place = user.number("apiVersion:").unwrap();
            faults.push(change.at(user.path, place));
        }
    }
    faults
}

fn path_misspelt(tree: &Tree) -> Vec<Fault<'_>> {
    let is_unit = |document: &Document<'_>, line: &str| {
        document.is("Kustomization", "kustomize.toolkit") && line.starts_with("  path: ") && is_plain(tree)
    };
    // Without its first folder there is nothing at all.
    let all = instead(tree, is_unit, |line| vec![format!("{line}-old")], 0);
    all.into_iter().filter(|fault| !fault.path.contains("flux-system")).collect()
}

fn source_misspelt(tree: &Tree) -> Vec<Fault<'_>> {
    let mut faults = Vec::new();
    for (_, document) in releases(tree) {
        let is_reference = |line: &str| ["    kind: OCIRepository", "        kind: HelmRepository"].contains(&line);
        for number in document.numbers(is_reference) {
            let name = document.line(number + 1);
            let mut change = Change::of(tree);
            change.replace(document.path, number + 1, &[&format!("{name}-charts")]);
            faults.push(change.at(document.path, number + 1));
        }
    }
    faults
}

fn lists(tree: &Tree) -> impl Iterator<Item = &str> {
    let paths = tree.files.keys().map(String::as_str);
    paths.filter(|path| path.ends_with("/kustomization.yaml") && !path.contains("remote"))
}

fn listed_not_there(tree: &Tree) -> Vec<Fault<'_>> {
    let plant = |list: &str| {
        let mut change = Change::of(tree);
        let (path, number) = change.list(parent(list), "gone.yaml")?;
        Some(change.at(path, number))
    };
    lists(tree).filter_map(plant).collect()
}

fn deleted(tree: &Tree) -> Vec<Fault<'_>> {
    let mut faults = Vec::new();
    for list in lists(tree).filter(|_| is_plain(tree)) {
        for (at, line) in tree.files[list].lines().enumerate() {
            let Some(file) = line.strip_prefix("  - ").filter(|entry| entry.ends_with(".yaml")) else { continue };
            let path = format!("{}/{}", parent(list), file.trim_start_matches("./"));
            if tree.files.contains_key(&path) {
                let mut change = Change::of(tree);
                change.changes.insert(path, None);
                faults.push(change.at(list, at + 1));
            }
        }
    }
    faults
}

fn never_closed(tree: &Tree) -> Vec<Fault<'_>> {
    let wanted = |document: &Document<'_>, line: &str| line.starts_with("kind: ") && !document.path.contains("remote");
    instead(tree, wanted, |line| vec![line.to_owned(), "broken: [1, 2".to_owned()], 1)
}

fn tab(tree: &Tree) -> Vec<Fault<'_>> {
    let is_first = |line: &str| line.starts_with("  ") && !line.starts_with("   ") && !line.starts_with("  -");
    let mut all = instead(
        tree,
        |_, line| is_first(line) && line.starts_with("  name: "),
        |line| vec![format!("\t{}", line.trim())],
        0,
    );
    all.retain(|fault| !fault.path.contains("remote"));
    all
}

fn key_twice(tree: &Tree) -> Vec<Fault<'_>> {
    let wanted =
        |document: &Document<'_>, line: &str| line.starts_with("  name: ") && !document.path.contains("remote");
    instead(tree, wanted, |line| vec![line.to_owned(), line.to_owned()], 1)
}

fn object_twice(tree: &Tree) -> Vec<Fault<'_>> {
    let units = units(tree);
    let mut faults = Vec::new();
    for (at, document) in applied(tree).iter().filter(|_| is_plain(tree)) {
        let mut change = Change::of(tree);
        let text = document.text();
        let path = change.add(&units[*at].folder, "zz-again.yaml", &text);
        faults.push(change.at(path, name_line(&text)));
    }
    faults
}

/// Units whose texts Flux substitutes.
fn substituted(tree: &Tree) -> Vec<Document<'_>> {
    let units = units(tree);
    let all = applied(tree).into_iter();
    all.filter(|(at, _)| units[*at].document.number("  postBuild:").is_some()).map(|(_, document)| document).collect()
}

/// Adds an annotation to every object that Flux substitutes variables in.
fn annotated<'t>(tree: &'t Tree, value: &str) -> Vec<Fault<'t>> {
    let mut faults = Vec::new();
    for document in substituted(tree) {
        let Some(metadata) = document.number("metadata:") else { continue };
        if document.number("  annotations:").is_some() {
            continue;
        }
        let mut change = Change::of(tree);
        change.insert(document.path, metadata, &["  annotations:", &format!("    example.org/note: \"{value}\"")]);
        faults.push(change.at(document.path, metadata + 2));
    }
    faults
}

fn undefined(tree: &Tree) -> Vec<Fault<'_>> {
    annotated(tree, "in ${NOWHERE}")
}

fn substitution(tree: &Tree) -> Vec<Fault<'_>> {
    annotated(tree, "in ${APP")
}

fn flux_api(tree: &Tree) -> Vec<Fault<'_>> {
    let old = |line: &str| match line {
        "apiVersion: helm.toolkit.fluxcd.io/v2" => Some("apiVersion: helm.toolkit.fluxcd.io/v2beta2"),
        "apiVersion: kustomize.toolkit.fluxcd.io/v1" => Some("apiVersion: kustomize.toolkit.fluxcd.io/v1beta2"),
        "apiVersion: source.toolkit.fluxcd.io/v1" => Some("apiVersion: source.toolkit.fluxcd.io/v1beta2"),
        _ => None,
    };
    let wanted =
        |document: &Document<'_>, line: &str| is_plain(tree) && old(line).is_some() && !document.path.contains("gotk");
    instead(tree, wanted, |line| vec![old(line).unwrap().to_owned()], 0)
}

fn kubernetes_api(tree: &Tree) -> Vec<Fault<'_>> {
    let old = |document: &Document<'_>| match document.kind() {
        "Ingress" => Some("apiVersion: networking.k8s.io/v1beta1"),
        "Deployment" => Some("apiVersion: apps/v1beta2"),
        "CronJob" => Some("apiVersion: batch/v1beta1"),
        _ => None,
    };
    let mut faults = Vec::new();
    for (_, document) in applied(tree).iter().filter(|_| is_plain(tree)) {
        let Some(old) = old(document) else { continue };
        let number = document.number("apiVersion:").unwrap();
        let mut change = Change::of(tree);
        change.replace(document.path, number, &[old]);
        faults.push(change.at(document.path, number));
    }
    faults
}

/// Health checks of a unit's first release.
fn check(name: &str, namespace: &str) -> Vec<String> {
    [
        "  healthChecks:",
        "    - apiVersion: helm.toolkit.fluxcd.io/v2",
        "      kind: HelmRelease",
        &format!("      name: {name}"),
        &format!("      namespace: {namespace}"),
    ]
    .map(str::to_owned)
    .to_vec()
}

fn checks_ignored(tree: &Tree) -> Vec<Fault<'_>> {
    let units = units(tree);
    let mut faults = Vec::new();
    for (at, document) in releases(tree) {
        let unit = &units[at];
        let Some(wait) = unit.document.number("  wait: true") else { continue };
        let lines = check(document.name(), home_of(unit, &document));
        let mut change = Change::of(tree);
        change.insert(unit.document.path, wait, &lines.iter().map(String::as_str).collect::<Vec<_>>());
        faults.push(change.at(unit.document.path, wait + 1));
    }
    faults
}

fn check_of_nothing(tree: &Tree) -> Vec<Fault<'_>> {
    let units = units(tree);
    let mut faults = Vec::new();
    for (at, document) in releases(tree) {
        let unit = &units[at];
        let Some(wait) = unit.document.number("  wait: true") else { continue };
        let lines = check(&format!("{}-server", document.name()), home_of(unit, &document));
        let mut change = Change::of(tree);
        change.replace(unit.document.path, wait, &lines.iter().map(String::as_str).collect::<Vec<_>>());
        faults.push(change.at(unit.document.path, wait + 3));
    }
    faults
}

/// Moves what a unit applies into a namespace that the unit itself is to make.
fn namespace_renamed(tree: &Tree) -> Vec<Fault<'_>> {
    let mut faults = Vec::new();
    for unit in units(tree).iter().filter(|unit| !unit.target().is_empty() && is_plain(tree)) {
        let mut change = Change::of(tree);
        let text = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: deep\n";
        let path = change.add(&unit.folder, "home.yaml", text);
        // Somebody else lies in it.
        let job = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: guest\n  namespace: deep\n";
        let used = kustomization("guest", "flux-system", "./kubernetes/guest", "");
        change.put("kubernetes/guest/guest.yaml", job);
        change.add("kubernetes/flux", "guest.yaml", &used);
        faults.push(change.at(path, 4));
    }
    faults
}

fn namespace_unset(tree: &Tree) -> Vec<Fault<'_>> {
    let units = units(tree);
    let mut faults = Vec::new();
    for (at, document) in applied(tree).iter().filter(|_| is_plain(tree)) {
        let unit = &units[*at];
        let known = [
            "HelmRelease",
            "ConfigMap",
            "Service",
            "Deployment",
            "Ingress",
            "Certificate",
            "HelmRepository",
            "ExternalSecret",
            "StatefulSet",
        ];
        if !known.contains(&document.kind()) || !unit.target().is_empty() {
            continue;
        }
        let Some(number) = document.number("  namespace:") else { continue };
        let mut change = Change::of(tree);
        change.replace(document.path, number, &[]);
        faults.push(change.at(document.path, document.number("metadata:").unwrap()));
    }
    faults
}

/// Takes an entry out of a list, for every entry that ends so.
fn without_entry<'t>(tree: &'t Tree, end: &str) -> Vec<(Change<'t>, String)> {
    let mut changes = Vec::new();
    for list in lists(tree).filter(|_| is_plain(tree)) {
        for (at, line) in tree.files[list].lines().enumerate() {
            let Some(file) = line.strip_prefix("  - ").filter(|entry| entry.ends_with(end)) else { continue };
            let path = format!("{}/{}", parent(list), file.trim_start_matches("./"));
            let count = tree.files[list].lines().filter(|line| line.starts_with("  - ")).count();
            if tree.files.contains_key(&path) && count > 1 {
                let mut change = Change::of(tree);
                change.replace(list, at + 1, &[]);
                changes.push((change, path));
            }
        }
    }
    changes
}

fn unlisted(tree: &Tree) -> Vec<Fault<'_>> {
    let mut faults = Vec::new();
    for (change, path) in without_entry(tree, ".yaml") {
        if path.ends_with("unit.yaml")
            || path.contains("components/")
            || path.contains("gotk")
            || short(parent(&path)) == "flux"
        {
            continue;
        }
        let number = documents(tree).iter().find(|it| it.path == path).and_then(|it| it.number("kind:"));
        faults.extend(number.map(|number| change.at(path, number)));
    }
    faults
}

fn unit_unlisted(tree: &Tree) -> Vec<Fault<'_>> {
    let mut faults = Vec::new();
    for (change, path) in without_entry(tree, "unit.yaml") {
        let number = documents(tree).iter().find(|it| it.path == path).and_then(|it| it.number("  name:"));
        faults.extend(number.map(|number| change.at(path, number)));
    }
    faults
}

fn floating(tree: &Tree) -> Vec<Fault<'_>> {
    let wanted = |document: &Document<'_>, line: &str| {
        is_plain(tree) && document.is("HelmRelease", "helm.toolkit") && line.starts_with("      version: ")
    };
    let mut faults = Vec::new();
    for (at, version) in ["'*'", "4.x", "'>=1.2.0'", "^1.4.0"].iter().enumerate() {
        let all = instead(tree, wanted, |_| vec![format!("      version: {version}")], 0);
        faults.extend(all.into_iter().skip(at).step_by(4));
    }
    faults
}

fn value_refused(tree: &Tree) -> Vec<Fault<'_>> {
    let wrong = |line: &str| {
        let wrong = match line {
            "    replicas: 2" => "    replicas: two",
            "    mode: steady" => "    mode: sideways",
            "    port: 8080" => "    port: 80800",
            // Null takes the default away.
            "    title: Notices" => "    title: null",
            "      size: 5Gi" => "      sise: 5Gi",
            _ => return None,
        };
        Some(wrong.to_owned())
    };
    let wanted = |document: &Document<'_>, line: &str| {
        document.is("HelmRelease", "helm.toolkit") && document.name() == "board" && wrong(line).is_some()
    };
    instead(tree, wanted, |line| vec![wrong(line).unwrap()], 0)
}

fn field_misspelt(tree: &Tree) -> Vec<Fault<'_>> {
    let renamed = |line: &str| {
        let (old, new) = match line.trim() {
            "accessModes:" => ("accessModes", "accesModes"),
            "ingressClassName: nginx" => ("ingressClassName", "ingressClass"),
            "selector:" => ("selector", "selectors"),
            "replicas: 1" => ("replicas", "replicaCount"),
            "containers:" => ("containers", "container"),
            "volumeMounts:" => ("volumeMounts", "volumeMount"),
            _ => return None,
        };
        Some(line.replace(old, new))
    };
    let wanted = |document: &Document<'_>, line: &str| {
        let built_in = ["PersistentVolumeClaim", "Ingress", "Deployment", "Service"].contains(&document.kind());
        is_plain(tree) && built_in && renamed(line).is_some()
    };
    instead(tree, wanted, |line| vec![renamed(line).unwrap()], 0)
}

fn wrong_type(tree: &Tree) -> Vec<Fault<'_>> {
    let wrong = |line: &str| {
        let (key, value) = line.split_once(": ")?;
        let new = match (key.trim().trim_start_matches("- "), value) {
            ("replicas", _) => "one",
            ("port" | "containerPort", number) if number.parse::<u16>().is_ok() => "[80]",
            ("storageClassName" | "ingressClassName", _) => "7",
            _ => return None,
        };
        Some(format!("{key}: {new}"))
    };
    let wanted = |document: &Document<'_>, line: &str| {
        let built_in = ["PersistentVolumeClaim", "Ingress", "Deployment", "Service"].contains(&document.kind());
        is_plain(tree) && built_in && wrong(line).is_some()
    };
    instead(tree, wanted, |line| vec![wrong(line).unwrap()], 0)
}

fn never_set(tree: &Tree) -> Vec<Fault<'_>> {
    let mut faults = Vec::new();
    for (at, (_, document)) in releases(tree).iter().enumerate() {
        let Some(values) = document.number("  values:") else { continue };
        let (key, value) =
            [("adminPassword", "changeme"), ("apiToken", "<your-token>"), ("secretKey", "REPLACE_ME")][at % 3];
        let mut change = Change::of(tree);
        change.insert(document.path, values, &[&format!("    {key}: {value}")]);
        faults.push(change.at(document.path, values + 1));
    }
    faults
}

fn plain_secret(tree: &Tree) -> Vec<Fault<'_>> {
    let mut faults = Vec::new();
    for unit in units(tree).iter().filter(|unit| is_plain(tree) && unit.folder.contains("apps/")) {
        let mut change = Change::of(tree);
        let home = if unit.target().is_empty() { "default" } else { unit.target() };
        let text = format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: login\n  namespace: {home}\nstringData:\n  username: keeper\n  password: \"correct-horse-battery\"\n"
        );
        let path = change.add(&unit.folder, "login.yaml", &text);
        faults.push(change.at(path, 8));
    }
    faults
}

fn bootstrapped_twice(tree: &Tree) -> Vec<Fault<'_>> {
    let mut faults = Vec::new();
    for folder in tree.files.keys().filter(|path| path.starts_with("terraform/modules/")).map(|path| parent(path)) {
        let mut change = Change::of(tree);
        let path = format!("{folder}/flux.tf");
        change.put(&path, "# Flux.\nresource \"flux_bootstrap_git\" \"again\" {\n  path = \"./kubernetes/flux\"\n}\n");
        faults.push(change.at(path, 2));
    }
    faults
}

fn terraform_syntax(tree: &Tree) -> Vec<Fault<'_>> {
    let mut faults = Vec::new();
    for (path, text) in tree.files.iter().filter(|(path, _)| path.ends_with(".tf")) {
        let last = text.lines().count();
        let mut change = Change::of(tree);
        change.put(path, format!("{text}\nresource \"null_resource\" {{ = }}\n"));
        faults.push(change.within(path.as_str(), last + 1..=last + 3));
    }
    faults
}

fn lfs_pointer(tree: &Tree) -> Vec<Fault<'_>> {
    let mut faults = Vec::new();
    for (_, document) in applied(tree).iter().filter(|_| is_plain(tree)) {
        let mut change = Change::of(tree);
        let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 512\n", "0a".repeat(32));
        change.put(document.path, pointer);
        faults.push(change.at(document.path, 1));
    }
    faults
}

/// Adds patches to a list of resources.
fn patched<'t>(tree: &'t Tree, patch: &[&str], fault: RangeInclusive<usize>) -> Vec<Fault<'t>> {
    let mut faults = Vec::new();
    for list in lists(tree).filter(|list| is_plain(tree) && short(parent(list)) != "flux") {
        let text = &tree.files[list];
        if text.contains("patches:") || !text.contains("release.yaml") {
            continue;
        }
        let last = text.lines().count();
        let mut change = Change::of(tree);
        let lines: Vec<String> = patch.iter().map(|line| format!("{line}\n")).collect();
        change.put(list, format!("{text}{}", lines.concat()));
        faults.push(change.within(list, last + fault.start()..=last + fault.end()));
    }
    faults
}

fn patch_of_nothing(tree: &Tree) -> Vec<Fault<'_>> {
    let patch = [
        "patches:",
        "  - patch: |",
        "      apiVersion: apps/v1",
        "      kind: Deployment",
        "      metadata:",
        "        name: nobody",
        "      spec:",
        "        replicas: 2",
    ];
    patched(tree, &patch, 1..=8)
}

fn json_patch(tree: &Tree) -> Vec<Fault<'_>> {
    let patch = [
        "patches:",
        "  - target:",
        "      kind: HelmRelease",
        "    patch: |",
        "      - op: replace",
        "        path: /spec/nowhere/deep",
        "        value: 1",
    ];
    patched(tree, &patch, 2..=7)
}

fn no_code(tree: &Tree) -> Vec<Fault<'_>> {
    let wanted =
        |document: &Document<'_>, line: &str| document.is("Terraform", "infra.contrib") && line.starts_with("  path: ");
    instead(tree, wanted, |line| vec![format!("{line}-old")], 0)
}

fn create_namespace(tree: &Tree) -> Vec<Fault<'_>> {
    let units = units(tree);
    let mut faults = Vec::new();
    for (at, document) in releases(tree) {
        let home = home_of(&units[at], &document);
        let path = if is_home(tree) {
            format!("kubernetes/apps/{home}/namespace.yaml")
        } else {
            format!("out/namespaces/{home}.yaml")
        };
        let Some(text) = tree.files.get(&path) else { continue };
        let mut change = Change::of(tree);
        // A plain Namespace loses nothing when Helm is first.
        if !text.contains("labels:") {
            change.put(&path, text.replace("metadata:\n", "metadata:\n  labels:\n    example.org/team: lab\n"));
        }
        let number = match document.number("  install:") {
            Some(number) => {
                change.insert(document.path, number, &["    createNamespace: true"]);
                number + 1
            }
            None => {
                let spec = document.number("spec:").unwrap();
                change.insert(document.path, spec, &["  install:", "    createNamespace: true"]);
                spec + 2
            }
        };
        faults.push(change.at(document.path, number));
    }
    faults
}

/// Misspells the name of what an environment variable of a Deployment comes from, or its key.
fn reference_misspelt<'t>(tree: &'t Tree, reference: &str, after: usize) -> Vec<Fault<'t>> {
    let mut faults = Vec::new();
    for (_, document) in applied(tree).iter().filter(|(_, it)| is_home(tree) && it.kind() == "Deployment") {
        for number in document.numbers(|line| line.trim() == reference) {
            let line = document.line(number + after);
            let mut change = Change::of(tree);
            change.replace(document.path, number + after, &[&format!("{line}-old")]);
            faults.push(change.at(document.path, number + after));
        }
    }
    faults
}

fn secret_unmade(tree: &Tree) -> Vec<Fault<'_>> {
    // A name that begins like a release's may be one that its chart makes.
    let tls = |document: &Document<'_>, line: &str| {
        is_home(tree) && document.kind() == "Ingress" && line.starts_with("      secretName: ")
    };
    let mut faults = reference_misspelt(tree, "secretKeyRef:", 1);
    faults.extend(instead(tree, tls, |_| vec!["      secretName: wildcard".to_owned()], 0));
    faults
}

fn secret_of_release(tree: &Tree) -> Vec<Fault<'_>> {
    let text = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: planted\nspec:\n  interval: 1h\n  \
                chart:\n    spec:\n      chart: app-template\n      version: 4.3.0\n      sourceRef:\n        kind: HelmRepository\n        \
                name: app-template\n  values:\n    controllers:\n      planted:\n        envFrom:\n          - secretRef:\n              \
                name: \"{{ .Release.Name }}-keys\"\n";
    beside(tree, text, 19)
}

fn map_unmade(tree: &Tree) -> Vec<Fault<'_>> {
    reference_misspelt(tree, "configMapKeyRef:", 1)
}

fn key_unmade(tree: &Tree) -> Vec<Fault<'_>> {
    let mut faults = reference_misspelt(tree, "configMapKeyRef:", 2);
    faults.extend(reference_misspelt(tree, "secretKeyRef:", 2));
    faults
}

fn address_stray(tree: &Tree) -> Vec<Fault<'_>> {
    let mut faults = Vec::new();
    for (_, document) in releases(tree) {
        let Some(values) = document.number("  values:") else { continue };
        let mut change = Change::of(tree);
        change.insert(document.path, values, &["    loadBalancerIP: 10.30.0.99"]);
        faults.push(change.at(document.path, values + 1));
    }
    faults
}

/// A helmfile that installs a release before Flux, in another version of its chart.
fn versions_disagree(tree: &Tree) -> Vec<Fault<'_>> {
    let units = units(tree);
    let mut faults = Vec::new();
    for (at, document) in releases(tree) {
        let Some(chart) = document.value("      chart:").filter(|_| document.number("      version:").is_some()) else {
            continue;
        };
        let mut change = Change::of(tree);
        let (name, namespace) = (release_name(&document), home_of(&units[at], &document));
        let text = format!(
            "releases:\n  - name: {name}\n    namespace: {namespace}\n    chart: charts/{chart}\n    version: 0.0.1\n"
        );
        change.put("bootstrap/helmfile.yaml", text);
        faults.push(change.at("bootstrap/helmfile.yaml", 5));
    }
    faults
}

/// Another file in the folder of each application.
fn beside<'t>(tree: &'t Tree, text: &str, fault: usize) -> Vec<Fault<'t>> {
    let mut faults = Vec::new();
    for unit in units(tree).iter().filter(|unit| is_home(tree) && unit.folder.ends_with("/app")) {
        let mut change = Change::of(tree);
        let path = change.add(&unit.folder, "planted.yaml", text);
        faults.push(change.at(path, fault));
    }
    faults
}

fn cilium(values: &[&str]) -> String {
    let values: String = values.iter().map(|line| format!("    {line}\n")).collect();
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: cilium\n  namespace: kube-system\nspec:\n  \
         interval: 1h\n  chart:\n    spec:\n      chart: cilium\n      version: 1.18.2\n      sourceRef:\n        \
         kind: HelmRepository\n        name: cilium\n  values:\n{values}"
    )
}

fn pods_disagree(tree: &Tree) -> Vec<Fault<'_>> {
    let native = ["routingMode: native", "ipam: {mode: kubernetes}", "ipv4NativeRoutingCIDR: 10.42.0.0/16"];
    let mut faults = beside(tree, &cilium(&native), 18);
    let pool = ["ipam:", "  operator:", "    clusterPoolIPv4PodCIDRList: [10.42.0.0/16]"];
    faults.extend(beside(tree, &cilium(&pool), 18));
    faults
}

fn service_disagrees(tree: &Tree) -> Vec<Fault<'_>> {
    let text = "apiVersion: v1\nkind: Service\nmetadata:\n  name: planted\nspec:\n  clusterIP: 10.43.0.10\n  ports:\n    - port: 80\n";
    beside(tree, text, 6)
}

fn domain_disagrees(tree: &Tree) -> Vec<Fault<'_>> {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: planted\ndata:\n  url: http://store.cloud.svc.cluster.lan:8080\n";
    beside(tree, text, 6)
}

fn port_disagrees(tree: &Tree) -> Vec<Fault<'_>> {
    beside(tree, &cilium(&["k8sServiceHost: localhost", "k8sServicePort: 7444"]), 17)
}

fn host_disagrees(tree: &Tree) -> Vec<Fault<'_>> {
    beside(tree, &cilium(&["k8sServiceHost: 10.30.0.20", "k8sServicePort: 6443"]), 16)
}
