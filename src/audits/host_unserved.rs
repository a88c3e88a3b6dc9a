//! Addresses of Terraform lead to hosts that somebody serves.
//!
//! A zone has hosts outside of every repository: a router, a printer. So only such hosts are reported that are surely meant to be
//! another one: what is named so is served under another name, or the name is one letter away from a served one.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    code,
    diagnostic::{Diagnostic, Severity},
    hosts::{self, By, Served},
    source::Place,
    survey::Survey,
};

/// A host that something talks to.
struct Use {
    host: String,
    place: Place,
    /// The program it means, where that is known.
    program: Option<String>,
    text: String,
    severity: Severity,
}

/// Every address of a provider and of a client against the hosts that are served.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let uses = uses(survey);
    if uses.is_empty() {
        return;
    }
    let served = hosts::served(survey);
    let mut by_zone: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for one in served.iter().filter(|one| matches!(one.by, By::Route | By::Values)) {
        by_zone.entry(hosts::zone(&one.host).unwrap_or_default()).or_default().insert(&one.host);
    }
    let is_served = |host: &str| served.iter().any(|one| one.host == host && one.by != By::Certificate);
    let mut wrong: BTreeMap<&str, Vec<&Use>> = BTreeMap::new();
    for one in &uses {
        let zone = hosts::zone(&one.host).unwrap_or_default();
        let is_ours =
            by_zone.get(zone).is_some_and(|known| known.len() > 1 && !known.contains(format!("*.{zone}").as_str()));
        if is_ours && !is_served(&one.host) {
            wrong.entry(&one.host).or_default().push(one);
        }
    }
    for (host, uses) in wrong {
        found.extend(meant(host, &uses, &served).map(|other| finding(host, &uses, other)));
    }
}

fn uses(survey: &Survey) -> Vec<Use> {
    let mut uses = Vec::new();
    for endpoint in &survey.terraform.endpoints {
        uses.extend(hosts::of_url(&endpoint.url).map(|host| Use {
            host,
            place: endpoint.place,
            program: Some(endpoint.provider.clone()),
            text: format!("the provider `{}` talks to it", endpoint.provider),
            severity: Severity::Warning,
        }));
    }
    for client in &survey.terraform.clients {
        for url in &client.urls {
            uses.extend(hosts::of_url(&url.text).map(|host| Use {
                host,
                place: url.place,
                program: None,
                text: format!("`{}` leads to it", client.resource.address),
                severity: Severity::Note,
            }));
        }
    }
    let mut seen = BTreeSet::new();
    uses.retain(|one| seen.insert((one.place, one.host.clone())));
    uses
}

/// The host that is meant: what has its name, or is the provider's program, is served there.
fn meant<'s>(host: &str, uses: &[&Use], served: &'s [Served]) -> Option<&'s Served> {
    let label = host.split('.').next().unwrap_or_default();
    let zone = hosts::zone(host);
    let same_zone = || {
        served.iter().filter(|one| {
            matches!(one.by, By::Route | By::Values) && hosts::zone(&one.host) == zone && !one.host.starts_with('*')
        })
    };
    let named = |one: &&Served| {
        one.names.contains(label)
            || uses.iter().filter_map(|one| one.program.as_ref()).any(|program| one.names.contains(program))
    };
    let near = |one: &&Served| {
        let other = one.host.split('.').next().unwrap_or_default();
        label.len() > 3 && strsim::damerau_levenshtein(label, other) == 1
    };
    same_zone().find(named).or_else(|| same_zone().find(near))
}

fn finding(host: &str, uses: &[&Use], meant: &Served) -> Diagnostic {
    let severity = uses.iter().map(|one| one.severity).min().expect("somebody uses it");
    let mut finding =
        Diagnostic::new(code!("host-unserved"), format!("nobody serves the host `{host}`")).severity(severity);
    for one in uses {
        finding = finding.at(one.place, one.text.clone());
    }
    finding
        .at(meant.place, format!("{} is served here", meant.who))
        .note("no Ingress, route, annotation or DNS record of this repository has it")
        .help(format!("did you mean `{}`?", meant.host))
        .about(host)
}
