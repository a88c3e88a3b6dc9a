//! The pod network is there before Flux, which needs it to run.

use crate::{
    code,
    diagnostic::Diagnostic,
    startup::network::{Late, late},
    survey::Survey,
};

/// Reports a network that only a HelmRelease brings.
pub fn audit(survey: &Survey, found: &mut Vec<Diagnostic>) {
    let Some(Late { release, none }) = late(&survey.repository, &survey.talos, &survey.claims, &survey.releases) else {
        return;
    };
    let name = release.object.to_string();
    found.push(
        Diagnostic::new(
            code!("cni-from-flux"),
            format!("the pod network comes with `{}`, and Flux cannot run without one", release.name),
        )
        .at(release.place, "installed by Flux")
        .at(none, "the nodes install none")
        .note("a cluster that starts from nothing has no network, so no pod of Flux ever installs it")
        .help("install it once before Flux does: as `inlineManifests` of Talos, with helmfile, or with Terraform")
        .about(name),
    );
}
