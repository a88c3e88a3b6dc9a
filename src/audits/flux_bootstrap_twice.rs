//! Two Terraform resources that put Flux into the same folder of a repository.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    claims::{Certainty, terraform::Bootstrap},
    code,
    diagnostic::{Diagnostic, Severity},
    source::Place,
    survey::Survey,
};

/// Reports each second one.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    found.extend(twice(&survey.terraform.bootstraps));
}

fn twice(bootstraps: &[Bootstrap]) -> Vec<Diagnostic> {
    let mut by_path: BTreeMap<&str, Vec<&Bootstrap>> = BTreeMap::new();
    for bootstrap in bootstraps {
        if let Some(path) = &bootstrap.path {
            by_path.entry(&path.text).or_default().push(bootstrap);
        }
    }
    let mut found = Vec::new();
    for (path, bootstraps) in by_path {
        let (on, off): (Vec<&Bootstrap>, Vec<&Bootstrap>) = bootstraps.into_iter().partition(|it| it.off.is_none());
        let Some((first, others)) = on.split_first() else { continue };
        for other in others {
            if is_another(first, other) {
                found.push(both(path, first, other));
            }
        }
        // A block that one root switches on is no second one where another root switches it off.
        let mut told: BTreeSet<Place> = on.iter().map(|it| it.resource.place).collect();
        for other in off {
            if same_repository(first, other) && told.insert(other.resource.place) {
                found.push(asleep(path, first, other));
            }
        }
    }
    found
}

/// Whether these are two, and not one of each instance of a block.
fn is_another(first: &Bootstrap, other: &Bootstrap) -> bool {
    same_repository(first, other)
        && (first.resource.root != other.resource.root || first.resource.place != other.resource.place)
}

fn same_repository(first: &Bootstrap, other: &Bootstrap) -> bool {
    first.git.is_none() || other.git.is_none() || first.git == other.git
}

fn folder(path: &str) -> String {
    if path.is_empty() { "flux-system".to_owned() } else { format!("{path}/flux-system") }
}

fn both(path: &str, first: &Bootstrap, other: &Bootstrap) -> Diagnostic {
    let folder = folder(path);
    let message = format!("`{}` and `{}` both put Flux into `{folder}`", first.resource, other.resource);
    let sure = [first, other].iter().all(|it| it.resource.certainty == Certainty::Literal);
    finding(&folder, message, other)
        .severity(if sure { Severity::Error } else { Severity::Warning })
        .at(first.resource.place, "the first is here")
        .note(consequence(&folder, first, other))
        .help(format!(
            "keep one; take the other out of its state before deleting it from the sources: `terraform state rm '{}'`",
            other.resource.address
        ))
}

fn asleep(path: &str, first: &Bootstrap, other: &Bootstrap) -> Diagnostic {
    let folder = folder(path);
    let message =
        format!("`{}` would put Flux into `{folder}` a second time, beside `{}`", other.resource, first.resource);
    let mut diagnostic = finding(&folder, message, other).severity(Severity::Warning);
    if let Some(switch) = other.off {
        diagnostic = diagnostic.at(switch, "this makes none of it now");
    }
    diagnostic
        .at(first.resource.place, "this one does it")
        .note(format!("once it is switched on, {}", consequence(&folder, first, other)))
        .help("delete the one that is not meant")
}

fn finding(folder: &str, message: String, at: &Bootstrap) -> Diagnostic {
    Diagnostic::new(code!("flux-bootstrap-twice"), message).at(at.resource.place, "").about(folder)
}

fn consequence(folder: &str, first: &Bootstrap, other: &Bootstrap) -> String {
    let version = |it: &Bootstrap| {
        it.version.as_ref().map_or_else(|| "the provider's version".to_owned(), |version| format!("`{}`", version.text))
    };
    let versions = (version(first), version(other));
    let fight = if versions.0 == versions.1 {
        String::new()
    } else {
        format!(", one {}, the other {}", versions.0, versions.1)
    };
    format!("each writes the files of `{folder}` and upgrades Flux{fight}; destroying one deletes what the other keeps")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{claims::terraform, repository::Repository, world::MemWorld};

    fn reports(files: &[(&str, &str)]) -> Vec<(Severity, String)> {
        let world = MemWorld::new(files.iter().copied());
        let repository = Repository::read(&world).unwrap();
        let facts = terraform::claims(&repository, &mut Vec::new());
        twice(&facts.bootstraps).into_iter().map(|it| (it.severity, it.message)).collect()
    }

    const PLAIN: &str = "resource \"flux_bootstrap_git\" \"this\" {\n  path = \"clusters/home\"\n}\n";

    #[test]
    fn two_roots_that_bootstrap_one_folder_are_an_error() {
        let found = reports(&[("a/main.tf", PLAIN), ("b/main.tf", &PLAIN.replace("clusters", "./clusters"))]);
        assert_eq!(
            found,
            [(
                Severity::Error,
                "`flux_bootstrap_git.this in a` and `flux_bootstrap_git.this in b` both put Flux into \
                 `clusters/home/flux-system`"
                    .to_owned()
            )]
        );
    }

    #[test]
    fn other_folders_and_other_repositories_are_other_clusters() {
        assert_eq!(reports(&[("a/main.tf", PLAIN), ("b/main.tf", &PLAIN.replace("home", "work"))]), []);
        let git =
            |name: &str| format!("{PLAIN}provider \"flux\" {{\n  git = {{ url = \"ssh://git@gitea/{name}\" }}\n}}\n");
        assert_eq!(reports(&[("a/main.tf", &git("one")), ("b/main.tf", &git("two"))]), []);
        assert_eq!(reports(&[("a/main.tf", &git("one")), ("b/main.tf", &git("one"))]).len(), 1);
    }

    #[test]
    fn one_that_is_switched_off_is_a_warning_said_once() {
        let module = "variable \"flux\" {\n  default = false\n}\nresource \"flux_bootstrap_git\" \"this\" {\n  \
                      count = var.flux ? 1 : 0\n  path  = \"clusters/home\"\n}\n";
        let call = "module \"talos\" {\n  source = \"../modules/talos\"\n}\n";
        let found = reports(&[
            ("a/main.tf", PLAIN),
            ("b/main.tf", call),
            ("c/main.tf", call),
            ("modules/talos/main.tf", module),
        ]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, Severity::Warning);
        assert!(found[0].1.contains("would put Flux into `clusters/home/flux-system` a second time"), "{found:?}");
    }

    #[test]
    fn a_module_of_two_clusters_is_no_second_bootstrap() {
        let module = "variable \"path\" {}\nresource \"flux_bootstrap_git\" \"this\" {\n  path = var.path\n}\n";
        let call =
            |path: &str| format!("module \"flux\" {{\n  source = \"../modules/flux\"\n  path = \"{path}\"\n}}\n");
        let files = |one: &str, two: &str| {
            reports(&[("a/main.tf", &call(one)), ("b/main.tf", &call(two)), ("modules/flux/main.tf", module)])
        };
        assert_eq!(files("clusters/a", "clusters/b"), []);
        assert_eq!(files("clusters/a", "clusters/a").len(), 1);
    }
}
