//! A Secret, a ConfigMap or a key that is used is made by somebody.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    claims::helm::Release,
    code,
    diagnostic::{Diagnostic, nearest},
    flux::{Cluster, Object, Outcome, Unit},
    knowledge,
    node::{Kind as NodeKind, Node},
    source::Place,
    supply::{Keys, Kind, Makers, Stored, Use, makers, mentioned, refused, uses},
    survey::Survey,
};

/// At most so many users of what is missing are shown.
const SHOWN: usize = 4;

/// What control planes put into every namespace.
const GIVEN: &[&str] =
    &["kube-root-ca.crt", "openshift-service-ca.crt", "istio-ca-root-cert", "linkerd-identity-trust-roots"];

/// What is missing, and everybody who uses it.
#[derive(Default)]
struct Missing<'s> {
    uses: Vec<&'s Use>,
    clusters: BTreeSet<usize>,
}

/// What is known of a cluster: who makes what, who uses what, and names beside what it fetches.
type World = (Makers, Vec<Use>, BTreeSet<String>);

/// Every sure use against everybody who makes such things.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let world = |at: usize| beside_refused(survey, at).map(|beside| (makers(survey, at), uses(survey, at), beside));
    let worlds: Vec<Option<World>> = (0..survey.clusters.len()).map(world).collect();
    let known = || worlds.iter().enumerate().filter_map(|(at, world)| Some((at, world.as_ref()?)));
    let mut missing: BTreeMap<&Stored, Missing<'_>> = BTreeMap::new();
    let mut keys: BTreeMap<(&Stored, &str), Missing<'_>> = BTreeMap::new();
    for (at, (makers, uses, beside)) in known() {
        let doubts = Doubts::of(survey, at, beside);
        for one in uses {
            let entry = if !makers.has(&one.stored) {
                if doubts.about(one) {
                    continue;
                }
                missing.entry(&one.stored).or_default()
            } else if let Some(key) = lacking(makers, one) {
                keys.entry((&one.stored, key)).or_default()
            } else {
                continue;
            };
            entry.clusters.insert(at);
            if entry.uses.iter().all(|known| known.place != one.place) {
                entry.uses.push(one);
            }
        }
    }
    let names: BTreeSet<&str> = missing.keys().map(|stored| stored.name.as_str()).collect();
    let places: BTreeSet<Place> = known().flat_map(|(_, (_, uses, _))| uses).map(|one| one.place).collect();
    let mentioned = mentioned(survey, &names, &places);
    missing.retain(|stored, _| !mentioned.contains(stored.name.as_str()));
    let makers_in = |at: usize| worlds[at].as_ref().map(|(makers, ..)| makers).expect("it is the world of a finding");
    for (stored, one) in &missing {
        found.push(unmade(survey, stored, one, &makers_in));
    }
    for ((stored, key), one) in &keys {
        found.push(without_key(survey, stored, key, one, &makers_in));
    }
}

/// Whether everything that Flux applies is known: all units are built, and no object of them stands for further ones.
pub(super) fn is_complete(cluster: &Cluster) -> bool {
    cluster.units.iter().all(|unit| is_known(cluster, unit))
}

fn is_known(cluster: &Cluster, unit: &Unit) -> bool {
    let templates = ["ResourceSet", "Application", "ApplicationSet"];
    match &unit.outcome {
        Outcome::Objects(objects) => !objects.iter().any(|object| templates.contains(&object.id.kind.as_str())),
        Outcome::Elsewhere => is_foreign(cluster, unit),
        Outcome::Stopped(_) | Outcome::NoPath => false,
    }
}

/// The names of objects in units that were not built because they fetch definitions. None where anything else is not known.
fn beside_refused(survey: &Survey, cluster: usize) -> Option<BTreeSet<String>> {
    let cluster = &survey.clusters[cluster];
    let unknown = cluster.units.iter().filter(|unit| !is_known(cluster, unit));
    let names: Option<Vec<BTreeSet<String>>> = unknown.map(|unit| refused::names(&survey.repository, unit)).collect();
    Some(names?.into_iter().flatten().collect())
}

/// Whether a unit's source is somebody else's repository, which knows nothing of this one's namespaces.
fn is_foreign(cluster: &Cluster, unit: &Unit) -> bool {
    let owner_of = |unit: &Unit| {
        let source = unit.spec.source.as_ref()?;
        let mut objects = cluster.units.iter().flat_map(Unit::objects);
        let object = objects.find(|object| {
            object.id.kind == source.kind
                && object.id.name == source.name
                && object.id.namespace.as_deref() == Some(&source.namespace)
        })?;
        owner(object.node.at(["spec", "url"])?.as_str()?)
    };
    let own = cluster.units.iter().filter(|unit| matches!(unit.outcome, Outcome::Objects(_))).find_map(owner_of);
    matches!((own, owner_of(unit)), (Some(own), Some(other)) if own != other)
}

/// Whose repository an address is of: `github.com/example` of `ssh://git@github.com/example/home`.
fn owner(url: &str) -> Option<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest).replace(':', "/");
    let mut parts = rest.split('/');
    Some(format!("{}/{}", parts.next()?, parts.next()?).to_lowercase())
}

/// The key that is used, and that none of the makers writes.
fn lacking<'u>(makers: &Makers, one: &'u Use) -> Option<&'u str> {
    let (key, _) = one.key.as_ref()?;
    let all = makers.of(&one.stored);
    let lacks = |maker: &crate::supply::Maker| matches!(&maker.keys, Keys::Known(keys) if !keys.contains(key));
    (!all.is_empty() && all.iter().all(lacks)).then_some(key.as_str())
}

/// Who may make a Secret or ConfigMap that no manifest shows.
struct Doubts<'s> {
    survey: &'s Survey,
    /// Custom resources whose operator may make Secrets under their name: a database and its password.
    operated: BTreeMap<&'s str, Vec<&'s str>>,
    /// Indices of the releases in a namespace.
    releases: BTreeMap<&'s str, Vec<usize>>,
    unnamed: bool,
    /// Names of objects in units that were not built.
    beside: &'s BTreeSet<String>,
}

impl<'s> Doubts<'s> {
    fn of(survey: &'s Survey, cluster: usize, beside: &'s BTreeSet<String>) -> Self {
        let mut operated: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let objects = || survey.clusters[cluster].units.iter().flat_map(Unit::objects);
        let fillers: BTreeSet<_> = objects().filter_map(filler).collect();
        for object in objects() {
            let id = (object.id.group.as_str(), object.id.kind.as_str(), object.id.name.as_str());
            if knowledge::may_make_secrets(id.0, id.1) && !fillers.contains(&id) {
                let home = object.id.namespace.as_deref().unwrap_or_default();
                operated.entry(home).or_default().push(&object.id.name);
            }
        }
        let mut releases: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, release) in survey.releases.iter().enumerate().filter(|(_, release)| release.cluster == cluster) {
            releases.entry(&release.target_namespace).or_default().push(at);
        }
        let keeps = |kind: &str| kind.contains("secret") || kind.contains("config_map") || kind.contains("manifest");
        let unnamed = survey.terraform.unnamed.iter().any(|resource| keeps(&resource.kind));
        Doubts { survey, operated, releases, unnamed, beside }
    }

    fn about(&self, one: &Use) -> bool {
        let Stored { kind, namespace, name } = &one.stored;
        // The distribution and its own parts keep theirs there.
        let is_given = GIVEN.contains(&name.as_str()) || namespace == "kube-system" && *kind == Kind::ConfigMap;
        let by_operator = [namespace.as_str(), ""]
            .iter()
            .filter_map(|home| self.operated.get(home))
            .flatten()
            .any(|owner| owner.len() > 2 && name.contains(owner));
        let releases = self.releases.get(namespace.as_str()).into_iter().flatten();
        is_given
            || self.unnamed
            || self.beside.iter().any(|other| begins_with(name, other) || other.len() > 2 && name.contains(other))
            || by_operator
            || releases.into_iter().any(|at| may_make(&self.survey.releases[*at], one, one.release == Some(*at)))
    }
}

/// The object that fills the volume of a claim: its group, kind and name. It makes nothing else.
fn filler(claim: &Object) -> Option<(&str, &str, &str)> {
    let reference = claim.node.at(["spec", "dataSourceRef"]).filter(|_| claim.id.kind == "PersistentVolumeClaim")?;
    let text = |key: &str| reference.get(key).and_then(Node::as_str);
    Some((text("apiGroup")?, text("kind")?, text("name")?))
}

/// Whether the chart of a release may make it. What its own values call existing it does not, unless a part of it does.
fn may_make(release: &Release, one: &Use, is_own: bool) -> bool {
    let name = &one.stored.name;
    if is_own && one.is_existing {
        let Some(rest) = name.strip_prefix(release.name.as_str()) else { return false };
        let rest = rest.trim_start_matches('-');
        let parts = release.values.entries().iter().map(|entry| entry.key.as_str());
        let known = ["postgresql", "redis", "mysql", "mariadb", "mongodb", "minio", "rabbitmq", "valkey"];
        return rest.is_empty() || parts.chain(known).any(|part| rest.starts_with(part));
    }
    if release.chart.as_ref().is_some_and(|chart| chart.name == "app-template") && release.has_all_values {
        // It makes what its values write, under the release's name, and nothing else.
        let key = if one.stored.kind == Kind::Secret { "secrets" } else { "configMaps" };
        let writes = release.values.get(key).is_some_and(|made| !made.entries().is_empty());
        return (writes || release.values.get("rawResources").is_some()) && begins_with(name, &release.name);
    }
    let is_chart = |name: &str| release.chart.as_ref().is_some_and(|chart| chart.name == name);
    if is_chart("external-dns") && release.has_all_values {
        // It makes one, of its own name (1.15–1.20, and Bitnami's 8).
        return name == &release.name || overrides(&release.values, "fullnameOverride").contains(&name.as_str());
    }
    let mut names = vec![release.name.as_str()];
    names.extend(release.chart.as_ref().map(|chart| chart.name.as_str()));
    for key in ["fullnameOverride", "nameOverride"] {
        names.extend(overrides(&release.values, key));
    }
    names.into_iter().any(|own| begins_with(name, own))
}

/// Whether a name has the same first word as another, dashes aside: `argocd-secret` and `argo-cd`.
fn begins_with(name: &str, other: &str) -> bool {
    let word = |text: &str| text.split('-').next().unwrap_or_default().to_owned();
    let plain = |text: &str| text.replace('-', "");
    !other.is_empty() && (word(name) == word(other) || plain(name).starts_with(&plain(other)))
}

/// Every text under such a key, at any depth.
fn overrides<'v>(values: &'v Node, key: &str) -> Vec<&'v str> {
    let mut found = Vec::new();
    let mut open = vec![values];
    while let Some(node) = open.pop() {
        for entry in node.entries() {
            match &entry.value.kind {
                NodeKind::String(text) if entry.key == key => found.push(text.as_str()),
                NodeKind::Map(_) => open.push(&entry.value),
                _ => {}
            }
        }
    }
    found
}

fn unmade<'m>(
    survey: &Survey,
    stored: &Stored,
    missing: &Missing<'_>,
    makers: &impl Fn(usize) -> &'m Makers,
) -> Diagnostic {
    let Stored { kind, namespace, name } = stored;
    let (code, word) = match kind {
        Kind::Secret => (code!("secret-unmade"), "Secret"),
        Kind::ConfigMap => (code!("configmap-unmade"), "ConfigMap"),
    };
    let message = format!("nobody makes the {word} `{namespace}/{name}`{}", within(survey, missing));
    let finding = shown(Diagnostic::new(code, message), missing, |one| one.place);
    let at = *missing.clusters.first().expect("it is missing somewhere");
    let makers = makers(at);
    let finding = finding.severity(crate::diagnostic::Severity::Warning).about(stored.to_string());
    if let Some(near) = nearest(name, makers.names(*kind, namespace)) {
        return finding.help(format!("did you mean `{near}`?"));
    }
    match makers.elsewhere(stored) {
        Some(other) => finding
            .note(format!("there is one of that name in the namespace `{}`; what uses it sees only those of its own", other.namespace))
            .help(format!("make it in `{namespace}` too")),
        None => finding
            .note("what uses it does not start in a cluster that begins from nothing")
            .help(format!("add it to a unit; if it is made elsewhere, say by whom in gitopsc.toml: `[owners.NAME]`, `owns = [\"{stored}\"]`")),
    }
}

fn without_key<'m>(
    survey: &Survey,
    stored: &Stored,
    key: &str,
    missing: &Missing<'_>,
    makers: &impl Fn(usize) -> &'m Makers,
) -> Diagnostic {
    let message = format!(
        "the {} `{}/{}` has no key `{key}`{}",
        stored.kind.name(),
        stored.namespace,
        stored.name,
        within(survey, missing)
    );
    let finding = Diagnostic::new(code!("key-unmade"), message);
    let mut finding = shown(finding, missing, |one| one.key.as_ref().map_or(one.place, |(_, place)| *place));
    let at = *missing.clusters.first().expect("it is missing somewhere");
    let mut known = BTreeSet::new();
    for maker in makers(at).of(stored) {
        finding = finding.at(maker.place, format!("made by {}", maker.who));
        if let Keys::Known(keys) = &maker.keys {
            known.extend(keys.iter().map(String::as_str));
        }
    }
    let finding = finding.about(stored.to_string());
    match nearest(key, known.iter().copied()) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => {
            let known: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
            finding.help(format!("it has {}", known.join(", ")))
        }
    }
}

/// Which of several clusters it is about.
fn within(survey: &Survey, missing: &Missing<'_>) -> String {
    if missing.clusters.len() == survey.clusters.len() {
        return String::new();
    }
    let names: Vec<String> = missing.clusters.iter().map(|at| format!("`{}`", survey.clusters[*at].name)).collect();
    format!(" in the cluster {}", names.join(", "))
}

/// The users of what is missing, the first few of them.
fn shown(mut finding: Diagnostic, missing: &Missing<'_>, place: impl Fn(&Use) -> Place) -> Diagnostic {
    for one in missing.uses.iter().take(SHOWN) {
        finding = finding.at(place(one), format!("used by {}", one.who));
    }
    match missing.uses.len().saturating_sub(SHOWN) {
        0 => finding,
        more => finding.note(format!("and used in {more} more places")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audits::audited;

    const UNIT: &str = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: web, namespace: flux-system}\n\
                        spec:\n  interval: 1h\n  path: ./web\n  prune: true\n  sourceRef: {kind: GitRepository, name: flux-system}\n";

    fn messages(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().copied().chain([("cluster.yaml", UNIT)]);
        let (survey, found) = audited(audit, files);
        assert_eq!(survey.clusters.len(), 1);
        found.into_iter().map(|finding| finding.message).collect()
    }

    fn pod(name: &str, from: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: web}}\nspec:\n  containers:\n    - name: web\n      \
             image: ghcr.io/example/web:1.0.0\n      {from}\n"
        )
    }

    fn release(chart: &str, values: &str) -> String {
        format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: gitea, namespace: web}}\nspec:\n  chart:\n    \
             spec: {{chart: {chart}, sourceRef: {{kind: HelmRepository, name: charts}}}}\n  values: {values}\n"
        )
    }

    const USE: &str = "envFrom: [{secretRef: {name: gitea-secret}}]";
    const UNMADE: &str = "nobody makes the Secret `web/gitea-secret`";

    #[test]
    fn many_users_of_what_is_missing_are_one_finding() {
        assert_eq!(messages(&[("web/a.yaml", &pod("a", USE)), ("web/b.yaml", &pod("b", USE))]), [UNMADE]);
    }

    #[test]
    fn what_is_optional_need_not_be_there() {
        let optional = pod("a", "envFrom: [{secretRef: {name: gitea-secret, optional: true}}]");
        assert_eq!(messages(&[("web/a.yaml", &optional)]), [""; 0]);
    }

    #[test]
    fn an_unknown_chart_may_make_what_begins_with_its_release() {
        let user = pod("a", USE);
        assert_eq!(messages(&[("web/a.yaml", &user), ("web/r.yaml", &release("gitea", "{}"))]), [""; 0]);
        assert_eq!(messages(&[("web/a.yaml", &user), ("web/r.yaml", &release("app-template", "{}"))]), [UNMADE]);
        assert_eq!(messages(&[("web/r.yaml", &release("gitea", "{admin: {existingSecret: gitea-secret}}"))]), [UNMADE]);
    }

    #[test]
    fn a_template_of_the_releases_own_name_is_a_name() {
        let values = |name: &str| {
            release(
                "app-template",
                &format!("{{controllers: {{a: {{envFrom: [{{secretRef: {{name: \"{name}\"}}}}]}}}}}}"),
            )
        };
        let of = |name: &str| messages(&[("web/r.yaml", &values(name))]);
        assert_eq!(of("{{ .Release.Name }}-secret"), [UNMADE]);
        assert_eq!(of("{{- $.Release.Name -}}-secret"), [UNMADE]);
        assert_eq!(of("{{ .Release.Namespace }}-secret"), ["nobody makes the Secret `web/web-secret`"]);
        assert_eq!(of("{{ .Values.secret }}-secret"), [""; 0]);
        let made = "apiVersion: v1\nkind: Secret\nmetadata: {name: gitea-secret, namespace: web}\nstringData: {a: b}\n";
        assert_eq!(messages(&[("web/r.yaml", &values("{{ .Release.Name }}-secret")), ("web/s.yaml", made)]), [""; 0]);
    }

    #[test]
    fn only_what_may_have_credentials_of_its_own_may_make_a_secret() {
        let custom = |kind: &str| {
            format!("apiVersion: data.example.org/v1\nkind: {kind}\nmetadata: {{name: gitea, namespace: web}}\n")
        };
        let user = pod("a", USE);
        assert_eq!(messages(&[("web/a.yaml", &user), ("web/c.yaml", &custom("Database"))]), [""; 0]);
        assert_eq!(messages(&[("web/a.yaml", &user), ("web/c.yaml", &custom("CopySchedule"))]), [UNMADE]);
        // What a volume is filled by makes the volume.
        let claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: gitea, namespace: web}\nspec:\n  \
                     dataSourceRef: {apiGroup: data.example.org, kind: Restore, name: gitea}\n";
        let restore = custom("Restore");
        assert_eq!(messages(&[("web/a.yaml", &user), ("web/c.yaml", &restore)]), [""; 0]);
        assert_eq!(messages(&[("web/a.yaml", &user), ("web/c.yaml", &restore), ("web/p.yaml", claim)]), [UNMADE]);
    }

    #[test]
    fn some_make_exactly_one_of_a_name_that_is_known() {
        let user = |name: &str| pod("a", &format!("envFrom: [{{secretRef: {{name: {name}}}}}]"));
        let account = "apiVersion: talos.dev/v1alpha1\nkind: ServiceAccount\nmetadata: {name: gitea, namespace: web}\n";
        assert_eq!(messages(&[("web/a.yaml", &user("gitea")), ("web/t.yaml", account)]), [""; 0]);
        assert_eq!(messages(&[("web/a.yaml", &user("gitea-secret")), ("web/t.yaml", account)]), [UNMADE]);
        let grafana =
            "apiVersion: grafana.integreatly.org/v1beta1\nkind: Grafana\nmetadata: {name: charts, namespace: web}\n";
        assert_eq!(messages(&[("web/a.yaml", &user("charts-admin-credentials")), ("web/g.yaml", grafana)]), [""; 0]);
        assert_eq!(messages(&[("web/a.yaml", &user("gitea-secret")), ("web/g.yaml", grafana)]), [UNMADE]);
        let values = |name: &str| {
            release("external-dns", &format!("{{env: [{{valueFrom: {{secretKeyRef: {{name: {name}, key: a}}}}}}]}}"))
        };
        assert_eq!(messages(&[("web/r.yaml", &values("gitea"))]), [""; 0]);
        assert_eq!(messages(&[("web/r.yaml", &values("gitea-secret"))]), [UNMADE]);
    }

    #[test]
    fn a_unit_that_only_fetches_definitions_hides_nothing() {
        const CRDS: &str = "https://example.org/a/b/releases/download/v1/crds.yaml";
        let unit = UNIT.replace("name: web", "name: crds").replace("./web", "./crds");
        let of = |list: &str, beside: &str| {
            let list = format!("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n{list}\n");
            let user = pod("a", USE);
            messages(&[
                ("crds.yaml", &unit),
                ("crds/kustomization.yaml", &list),
                ("crds/beside.yaml", beside),
                ("web/a.yaml", &user),
            ])
        };
        let map =
            |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: web\n");
        let fetched = format!("resources: [\"{CRDS}\"]");
        let both = format!("resources: [\"{CRDS}\", beside.yaml]");
        assert_eq!(of(&fetched, &map("other")), [UNMADE]);
        assert_eq!(of(&both, &map("other")), [UNMADE]);
        // Beside it lies something that may make it.
        assert_eq!(of(&both, &map("gitea")), [""; 0]);
        assert_eq!(of(&both, &map("${NAME}")), [""; 0]);
        assert_eq!(of(&both, "broken: ["), [""; 0]);
        assert_eq!(of("resources: [\"https://example.org/a/b/install.yaml\"]", &map("other")), [""; 0]);
        assert_eq!(of(&format!("{fetched}\nhelmCharts: [{{name: a}}]"), &map("other")), [""; 0]);
    }

    #[test]
    fn a_part_that_is_switched_off_uses_nothing() {
        let values = "{cache: {enabled: false, existingSecret: gitea-secret}}";
        assert_eq!(messages(&[("web/r.yaml", &release("gitea", values))]), [""; 0]);
    }

    #[test]
    fn what_a_script_or_an_instruction_makes_is_made() {
        let user = pod("a", USE);
        for path in ["make.sh", "README.md"] {
            let text = "kubectl create secret generic gitea-secret --namespace web\n";
            assert_eq!(messages(&[("web/a.yaml", &user), (path, text)]), [""; 0], "{path}");
        }
    }

    #[test]
    fn keys_are_known_unless_everything_is_fetched() {
        let user = pod("a", "env: [{name: A, valueFrom: {secretKeyRef: {name: gitea-secret, key: token}}}]");
        let external = |spec: &str| {
            format!(
                "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: gitea-secret, namespace: web}}\nspec: {spec}\n"
            )
        };
        let of = |spec: &str| messages(&[("web/a.yaml", &user), ("web/e.yaml", &external(spec))]);
        let lacks = ["the Secret `web/gitea-secret` has no key `token`"];
        assert_eq!(of("{data: [{secretKey: tokens}]}"), lacks);
        assert_eq!(of("{data: [{secretKey: token}]}"), [""; 0]);
        assert_eq!(of("{dataFrom: [{extract: {key: a}}]}"), [""; 0]);
        assert_eq!(of("{dataFrom: [{extract: {key: a}}], target: {template: {data: {tokens: x}}}}"), lacks);
        assert_eq!(
            of("{dataFrom: [{extract: {key: a}}], target: {template: {mergePolicy: Merge, data: {tokens: x}}}}"),
            [""; 0]
        );
    }
}
