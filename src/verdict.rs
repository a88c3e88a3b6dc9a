//! Verdicts: what it means that several claims are about one object.
//!
//! Flux never sees it: all Kustomizations share one field manager and force their fields, so the last writer wins at every
//! interval; the owner labels go with it, and pruning trusts them (kustomize-controller 1.9, `docs/spec/v1/kustomizations.md`).

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    claim::ObjectId,
    claims::{Certainty, Claim, Role, Tool, is_release},
    diagnostic::Severity,
    settings::{Settings, fits},
};

/// What several claims on one object mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Each undoes what the other did.
    Conflict,
    /// One makes it, another one takes it over.
    Handover,
    /// Each has fields of its own.
    Shared,
    /// It cannot be told whether there are two.
    Unknown,
}

impl Verdict {
    /// As reports and `--format json` name it.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Conflict => "conflict",
            Verdict::Handover => "handover",
            Verdict::Shared => "shared",
            Verdict::Unknown => "unknown",
        }
    }
}

/// An object with several owners.
#[derive(Clone, Debug)]
pub struct Contested {
    /// The object.
    pub object: ObjectId,
    /// The cluster it is in; None where the claims do not say.
    pub cluster: Option<usize>,
    /// What it means.
    pub verdict: Verdict,
    /// How bad the consequence is.
    pub severity: Severity,
    /// The consequence, in a sentence.
    pub consequence: String,
    /// Whether it is a handover that settings declare: nothing is left to say.
    pub is_declared: bool,
    /// Whether a unit applies the very Kustomization that it is.
    pub is_self: bool,
    /// The claims, by their indices, the one that writes last first where that is known.
    pub claims: Vec<usize>,
}

impl Contested {
    /// Whether somebody has to do something about it.
    pub fn is_wrong(&self) -> bool {
        self.severity <= Severity::Warning && !self.is_declared
    }
}

/// Everything that is claimed by more than one owner, by object.
pub fn judge(claims: &[Claim], clusters: usize, settings: &Settings) -> Vec<Contested> {
    let mut contested = Vec::new();
    for ((cluster, object), members) in groups(claims, clusters) {
        let owners: BTreeSet<(Tool, &str)> =
            members.iter().map(|at| (claims[*at].tool, claims[*at].unit.as_str())).collect();
        let is_self = members.iter().any(|at| applies_itself(&claims[*at]));
        if owners.len() < 2 && !is_self || is_self && owners.len() < 2 && is_root(claims, &members) {
            continue;
        }
        let case = Case { object, claims: members.iter().map(|at| &claims[*at]).collect(), is_self, clusters };
        let (verdict, severity, consequence) = case.verdict();
        let is_declared = verdict == Verdict::Handover && case.is_declared(settings);
        contested.push(Contested {
            object: object.clone(),
            cluster,
            verdict,
            severity: if is_declared { Severity::Note } else { severity },
            consequence,
            is_declared,
            is_self,
            claims: members,
        });
    }
    contested
}

/// The claims on each object of each cluster. A claim that does not say which cluster it is about is taken for each of them.
fn groups(claims: &[Claim], clusters: usize) -> BTreeMap<(Option<usize>, &ObjectId), Vec<usize>> {
    let mut groups: BTreeMap<(Option<usize>, &ObjectId), Vec<usize>> = BTreeMap::new();
    for (at, claim) in claims.iter().enumerate() {
        match claim.cluster {
            None if clusters > 0 => {
                (0..clusters).for_each(|cluster| groups.entry((Some(cluster), &claim.object)).or_default().push(at));
            }
            cluster => groups.entry((cluster, &claim.object)).or_default().push(at),
        }
    }
    // Claims that no cluster tells apart are about one pair, not about one in each cluster.
    let mut seen = BTreeSet::new();
    groups.retain(|(_, object), members| {
        let anywhere = members.iter().all(|at| claims[*at].cluster.is_none());
        members.len() > 1 && (!anywhere || seen.insert(*object))
            || members.iter().any(|at| applies_itself(&claims[*at]))
    });
    groups
}

/// Whether a Flux unit applies the Kustomization that it is itself.
fn applies_itself(claim: &Claim) -> bool {
    claim.tool == Tool::Flux
        && claim.role == Role::Owner
        && claim.object.group == "kustomize.toolkit.fluxcd.io"
        && claim.object.kind == "Kustomization"
        && claim.unit.split_once('/').is_some_and(|(namespace, name)| {
            claim.object.name == name && claim.object.namespace.as_deref() == Some(namespace)
        })
}

/// Whether the only owner is a root, which `flux bootstrap` puts into the folder it applies.
fn is_root(claims: &[Claim], members: &[usize]) -> bool {
    members.iter().all(|at| applies_itself(&claims[*at]))
}

/// The claims on one object.
struct Case<'c> {
    object: &'c ObjectId,
    claims: Vec<&'c Claim>,
    is_self: bool,
    clusters: usize,
}

impl Case<'_> {
    fn verdict(&self) -> (Verdict, Severity, String) {
        let owners: Vec<&&Claim> = self.claims.iter().filter(|claim| claim.role == Role::Owner).collect();
        let starters: Vec<&&Claim> = self.claims.iter().filter(|claim| claim.role == Role::Bootstrap).collect();
        if let Some(field) = self.field_twice() {
            let text = format!("both set `{field}`, and each undoes what the other did");
            return (Verdict::Conflict, Severity::Error, text);
        }
        if owners.len() >= 2 {
            return self.several_owners(&owners);
        }
        if owners.len() == 1 && !starters.is_empty() {
            return handover(owners[0], &starters);
        }
        if starters.len() >= 2 {
            if starters.iter().any(|claim| claim.tool == Tool::Talos) {
                let text = "Talos makes it at the first boot and writes its own version again at each `talosctl upgrade-k8s`, whatever the other one says";
                return (Verdict::Handover, Severity::Warning, text.to_owned());
            }
            let text = "each only makes it where it is missing, so the first one decides what it is".to_owned();
            return (Verdict::Handover, Severity::Note, text);
        }
        (Verdict::Shared, Severity::Note, "each has fields of its own".to_owned())
    }

    /// A field that two claims set.
    fn field_twice(&self) -> Option<&str> {
        let mut seen = BTreeSet::new();
        let fields = self.claims.iter().filter_map(|claim| match &claim.role {
            Role::Fields(fields) => Some(fields),
            _ => None,
        });
        fields.flatten().find(|field| !seen.insert(field.as_str())).map(String::as_str)
    }

    fn several_owners(&self, owners: &[&&Claim]) -> (Verdict, Severity, String) {
        // Where a repository keeps several clusters, a claim that names none may be about another one.
        let elsewhere = self.clusters > 1 && owners.iter().any(|claim| claim.cluster.is_none());
        if elsewhere || owners.iter().any(|claim| claim.certainty == Certainty::Possible) {
            let text = "whether both are in one cluster cannot be read off the sources".to_owned();
            return (Verdict::Unknown, Severity::Note, text);
        }
        if is_release(self.object) {
            let text = "each upgrades the release to its own chart and values, and takes away what only the other had";
            return (Verdict::Conflict, Severity::Error, text.to_owned());
        }
        let tools: BTreeSet<Tool> = owners.iter().map(|claim| claim.tool).collect();
        let is_flux = tools == BTreeSet::from([Tool::Flux]);
        let prunes = owners.iter().filter(|claim| claim.prunes).count();
        if prunes >= 1
            && let Some(lost) = lost_with(self.object)
        {
            let text = if is_flux {
                format!(
                    "whichever applied it last owns it, and deletes it with {lost} when its folder stops having it, although the other still wants it"
                )
            } else {
                format!("whichever stops having it deletes it with {lost}, although the other still wants it")
            };
            return (Verdict::Conflict, Severity::Error, text);
        }
        if self.is_self {
            let text = "a unit that applies itself takes itself away when its folder stops listing it, and two sources decide what it is";
            return (Verdict::Conflict, Severity::Error, text.to_owned());
        }
        if are_copies(owners) {
            let text = match prunes {
                0 => "they are the same today, and will fight once one of them changes",
                _ => "they are the same today, but whichever stops having it deletes it for both",
            };
            return (Verdict::Conflict, Severity::Warning, text.to_owned());
        }
        let text = if is_flux {
            "Flux lets both write it: the last one wins, at every interval, and whichever stops having it deletes it for both"
        } else {
            "each undoes what the other did, again and again"
        };
        (Verdict::Conflict, Severity::Error, text.to_owned())
    }

    /// Whether handovers in the settings speak of this object and of every tool that has it.
    fn is_declared(&self, settings: &Settings) -> bool {
        let object = crate::claims::shown(self.object);
        let fitting: Vec<_> = settings.handover.iter().filter(|handover| fits(&handover.on, &object)).collect();
        let is_said = |claim: &&Claim| {
            let tool = called(claim);
            match claim.role {
                Role::Bootstrap => fitting.iter().any(|handover| handover.from == tool || handover.to == tool),
                _ => fitting.iter().any(|handover| handover.to == tool),
            }
        };
        !fitting.is_empty() && self.claims.iter().all(is_said)
    }
}

/// What settings call the tool of a claim.
fn called(claim: &Claim) -> &str {
    if claim.tool == Tool::Declared { &claim.unit } else { claim.tool.name() }
}

fn handover(owner: &Claim, starters: &[&&Claim]) -> (Verdict, Severity, String) {
    let talos = starters.iter().find(|claim| claim.tool == Tool::Talos);
    if talos.is_some() {
        let differs = starters
            .iter()
            .any(|claim| claim.content.is_some() && owner.content.is_some() && claim.content != owner.content);
        let text = if differs {
            "Talos makes it at the first boot and writes its own version again at each `talosctl upgrade-k8s`, which undoes this one"
        } else {
            "Talos makes it at the first boot, writes it again at each `talosctl upgrade-k8s`, and deletes it once it leaves the machine configuration"
        };
        return (Verdict::Handover, Severity::Warning, text.to_owned());
    }
    (Verdict::Handover, Severity::Note, "one makes it where it is missing, the other one keeps it".to_owned())
}

fn are_copies(owners: &[&&Claim]) -> bool {
    let mut contents = owners.iter().map(|claim| claim.content);
    let first = contents.next().flatten();
    first.is_some() && contents.all(|content| content == first)
}

/// What is lost with an object of this kind, beyond itself.
fn lost_with(object: &ObjectId) -> Option<&'static str> {
    match (object.group.as_str(), object.kind.as_str()) {
        ("", "Namespace") => Some("everything inside"),
        ("", "PersistentVolumeClaim" | "PersistentVolume") => Some("its data"),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => Some("every object of its kind"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
