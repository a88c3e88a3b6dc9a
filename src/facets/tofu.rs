//! `tofu`, `sso`: OpenTofu code that the tofu-controller applies (0.15, `infra.contrib.fluxcd.io/v1alpha2`).

use serde_json::json;

use super::{Context, Made, Need, What};
use crate::{code, diagnostic::Diagnostic, inventory::BRINGS, node::Part, plan::Makes, references::SecretUse};

const GROUP: &str = "api/infra.contrib.fluxcd.io";

/// One Terraform object, in the controller's namespace, where its runner's ServiceAccount is.
pub fn make(context: &Context<'_>, made: &mut Made) {
    let unit = context.unit;
    let Some(tofu) = &unit.facets.tofu else { return };
    let is_sso = unit.makes == Makes::Sso;
    let pointer = if is_sso && context.root.pointer(&context.pointer("tofu")).is_none() {
        format!("/services/{}/sso/tofu", unit.service)
    } else {
        context.pointer("tofu")
    };
    let place = context.root.place_of(&pointer, Part::Value);
    made.needs.push(Need {
        what: What::Capability(GROUP.into()),
        reason: "its OpenTofu code is applied by the tofu-controller".into(),
        place,
        otherwise: Some("a tofu-controller".into()),
    });
    if is_sso {
        identity(context, made, place);
    }
    let (source_namespace, source_name) = context.inventory.flux.git_repository();
    let controller = context.plan.provider(GROUP).map(|id| context.plan.units[id].namespace.clone());
    let namespace = controller.unwrap_or_else(|| source_namespace.to_owned());
    let mut spec = json!({
        "interval": crate::plan::duration::write(unit.interval),
        "path": format!("./{}", crate::delivery::below_repository(&context.inventory.repo.path, &tofu.dir)),
        "sourceRef": { "kind": "GitRepository", "name": source_name, "namespace": source_namespace },
    });
    if tofu.approve {
        spec["approvePlan"] = json!("auto");
    }
    if let Some(secret) = &tofu.vars_from {
        let at = pointer.strip_suffix("/sso/tofu").map_or_else(|| pointer.clone(), |service| format!("{service}/sso"));
        let place = context.root.place_of(&format!("{at}/vars-from"), Part::Value);
        made.secret_uses.push(SecretUse::certain(&namespace, secret, place));
        spec["varsFrom"] = json!([{ "kind": "Secret", "name": secret }]);
    }
    if let Some(secret) = &tofu.writes {
        made.secrets.push((namespace.clone(), secret.clone()));
        spec["writeOutputsToSecret"] = json!({ "name": secret });
    }
    let object = json!({
        "apiVersion": "infra.contrib.fluxcd.io/v1alpha2",
        "kind": "Terraform",
        "metadata": { "name": unit.name, "namespace": namespace },
        "spec": spec,
    });
    made.object("terraform.yaml", pointer, object);
}

fn identity(context: &Context<'_>, made: &mut Made, place: crate::source::Place) {
    let Some((name, id)) = context.plan.only("identity/") else {
        let providers = context.plan.providers.keys();
        let known: Vec<String> =
            providers.filter(|name| name.starts_with("identity/")).map(|name| format!("`{name}`")).collect();
        let (wrong, way_out) = if known.is_empty() {
            (
                "has no identity service".to_owned(),
                "let the service that people sign in to say `provides = [\"identity/…\"]`; the charts `authentik` and `keycloak` bring it",
            )
        } else {
            (format!("has several identity services: {}", known.join(", ")), "there can be one in a cluster")
        };
        made.findings.push(
            Diagnostic::new(code!("identity-unknown"), format!("single sign-on of `{}` {wrong}", context.unit.service))
                .at(place, "")
                .help(way_out)
                .breaks("identity/")
                .follows("identity/")
                .follows(BRINGS),
        );
        return;
    };
    made.needs.push(Need {
        what: What::Unit(id),
        reason: format!("single sign-on is registered with `{name}`"),
        place,
        otherwise: None,
    });
}
