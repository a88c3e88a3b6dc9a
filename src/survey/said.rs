//! What settings say of a repository, beside what the repository shows: what others own, charts rendered into files.

use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::{
    claim::ObjectId,
    claims::{
        self, Certainty, Claim, Role, Tool,
        helm::{self, Release},
    },
    code,
    diagnostic::{Diagnostic, nearest},
    kubernetes::Schemas,
    node::{Node, Part, escape},
    repository::Repository,
    settings::Reading,
    source::Place,
    world::Ignored,
};

/// The tools that an object can change hands between, as settings name them.
const TOOLS: &[Tool] =
    &[Tool::Flux, Tool::Helm, Tool::Terraform, Tool::Talos, Tool::ArgoCd, Tool::Helmfile, Tool::Script];

/// Settings, beside what they speak of.
pub struct Said<'s> {
    pub repository: &'s Repository,
    pub settings: &'s Reading,
    pub schemas: &'s Schemas,
}

impl Said<'_> {
    /// Whether a file holds what a release makes.
    pub fn is_rendered(&self, release: &Release) -> bool {
        self.settings.settings.rendered.contains_key(&name(release))
    }

    /// The objects of releases whose charts are rendered into files.
    pub fn rendered(&self, releases: &[Release], found: &mut Vec<Diagnostic>) -> Vec<Claim> {
        let mut claims = Vec::new();
        for (release, path) in &self.settings.settings.rendered {
            let pointer = format!("/rendered/{}", escape(release));
            let own: Vec<&Release> = releases.iter().filter(|known| name(known) == *release).collect();
            if own.is_empty() {
                let known: BTreeSet<String> = releases.iter().map(name).collect();
                let finding = self.wrong(&pointer, Part::Key, code!("name-unknown"), || {
                    format!("`{release}` of [rendered] is not a release that Flux keeps")
                });
                let help = match nearest(release, known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "write the namespace its state is stored in, and its name: `namespace/release`".to_owned(),
                };
                found.extend(finding.map(|finding| finding.help(help)));
                continue;
            }
            let file = self.repository.file(path.trim_start_matches("./"));
            let documents: Vec<Node> = file.into_iter().flat_map(crate::repository::File::documents).cloned().collect();
            if documents.is_empty() {
                let finding = self.wrong(&pointer, Part::Value, code!("file-unreadable"), || {
                    format!("`{path}` cannot be read: there is no YAML of this name in the repository")
                });
                let help = format!("write what `helm template` prints for `{release}` into it");
                found.extend(finding.map(|finding| finding.help(help)));
            }
            for release in own {
                claims.extend(helm::claims_of_rendered(release, &documents, self.schemas));
            }
        }
        claims
    }

    /// What other tools own. Where such a tool is read itself, what it says is better than what is said of it.
    pub fn owned(&self, known: &[Claim], found: &mut Vec<Diagnostic>) -> Vec<Claim> {
        let mut claims = Vec::new();
        for (tool, owner) in &self.settings.settings.owners {
            for (at, text) in owner.owns.iter().enumerate() {
                let pointer = format!("/owners/{}/owns/{at}", escape(tool));
                let Some(place) = self.settings.place(&pointer, Part::Value) else { continue };
                let objects = objects(text, known);
                if objects.is_empty() {
                    let message = format!("`owns` of [owners.{tool}] cannot be `{text}`");
                    found.push(
                        Diagnostic::new(code!("value-unknown"), message)
                            .at(place, "")
                            .help("write `Kind:namespace/name`, `Kind.group:name`, or `helm:namespace/release`"),
                    );
                }
                let is_read = |object: &ObjectId| {
                    known.iter().any(|claim| claim.object == *object && claim.tool.name() == tool.as_str())
                };
                let unread = objects.into_iter().filter(|object| !is_read(object));
                claims.extend(unread.map(|object| declared(object, tool, place)));
            }
        }
        claims
    }

    /// What is wrong with single values.
    pub fn faults(&self, found: &mut Vec<Diagnostic>) {
        let settings = &self.settings.settings;
        for (at, network) in settings.networks.iter().enumerate().filter(|(_, text)| text.parse::<IpNet>().is_err()) {
            let finding = self.wrong(&format!("/networks/{at}"), Part::Value, code!("address-malformed"), || {
                format!("`{network}` is not a network prefix")
            });
            found.extend(finding.map(|finding| finding.help("write address and length: `10.0.0.0/16`")));
        }
        let (_, wrong) = Ignored::of(&settings.ignore);
        for at in wrong {
            let pattern = &settings.ignore[at];
            let finding = self.wrong(&format!("/ignore/{at}"), Part::Value, code!("value-unknown"), || {
                format!("`ignore` cannot be `{pattern}`")
            });
            found.extend(finding.map(|finding| finding.help("write a pattern as in .gitignore, such as `archive/`")));
        }
        for (at, handover) in settings.handover.iter().enumerate() {
            for (key, tool) in [("from", &handover.from), ("to", &handover.to)] {
                let names = || TOOLS.iter().map(|tool| tool.name());
                if names().chain(settings.owners.keys().map(String::as_str)).any(|name| name == tool) {
                    continue;
                }
                let finding = self.wrong(&format!("/handover/{at}/{key}"), Part::Value, code!("value-unknown"), || {
                    format!("`{key}` of [[handover]] cannot be `{tool}`")
                });
                let help = match nearest(tool, names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known tools: {}", names().collect::<Vec<_>>().join(", ")),
                };
                found.extend(finding.map(|finding| finding.help(help)));
            }
        }
    }

    fn wrong(
        &self,
        pointer: &str,
        part: Part,
        code: crate::codes::Code,
        message: impl FnOnce() -> String,
    ) -> Option<Diagnostic> {
        Some(Diagnostic::new(code, message()).at(self.settings.place(pointer, part)?, ""))
    }
}

/// A release as settings name it.
fn name(release: &Release) -> String {
    format!("{}/{}", release.namespace, release.name)
}

/// The objects that a text names: those that are known, of any group where it names none, or else the one it spells out.
fn objects(text: &str, known: &[Claim]) -> BTreeSet<ObjectId> {
    if let Some(release) = text.strip_prefix("helm:") {
        let parts = release.split_once('/').filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty());
        return parts.map(|(namespace, name)| claims::release(namespace, name)).into_iter().collect();
    }
    let meant: BTreeSet<ObjectId> =
        known.iter().filter(|claim| claim.object.matches(text)).map(|claim| claim.object.clone()).collect();
    if meant.is_empty() { ObjectId::parse(text).into_iter().collect() } else { meant }
}

fn declared(object: ObjectId, tool: &str, place: Place) -> Claim {
    Claim {
        object,
        cluster: None,
        tool: Tool::Declared,
        unit: tool.to_owned(),
        flux_unit: None,
        role: Role::Owner,
        prunes: false,
        certainty: Certainty::Literal,
        place,
        content: None,
    }
}
