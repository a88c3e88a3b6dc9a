//! `tofu`, `sso`: OpenTofu code that the tofu-controller applies (0.15, `infra.contrib.fluxcd.io/v1alpha2`).

use serde_json::json;

use super::{Context, Made, Need, What};
use crate::{
    code,
    diagnostic::Diagnostic,
    inventory::Inventory,
    node::Part,
    plan::{Makes, Plan},
};

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
    let (source_namespace, source_name) =
        context.inventory.flux.source.split_once('/').unwrap_or(("flux-system", "flux-system"));
    let namespace = namespace(context.plan, context.inventory);
    let mut spec = json!({
        "interval": crate::plan::duration::write(unit.interval),
        "path": format!("./{}", crate::delivery::below_repository(&context.inventory.repo.path, &tofu.dir)),
        "sourceRef": { "kind": "GitRepository", "name": source_name, "namespace": source_namespace },
    });
    if tofu.approve {
        spec["approvePlan"] = json!("auto");
    }
    if let Some(secret) = &tofu.vars_from {
        let at = match pointer.strip_suffix("/sso/tofu") {
            Some(service) => format!("{service}/sso/vars-from"),
            None => format!("{pointer}/vars-from"),
        };
        let at = context.root.place_of(&at, Part::Value);
        made.secret_uses.push((namespace.to_owned(), secret.clone(), at));
        spec["varsFrom"] = json!([{ "kind": "Secret", "name": secret }]);
    }
    if let Some(secret) = &tofu.writes {
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

/// Where Terraform objects lie, and with them the Secrets they read and write: beside the controller, whose runner may read them there.
pub fn namespace<'p>(plan: &'p Plan, inventory: &'p Inventory) -> &'p str {
    let source = inventory.flux.source.split_once('/').map_or("flux-system", |(namespace, _)| namespace);
    plan.provider(GROUP).map_or(source, |id| &plan.units[id].namespace)
}

fn identity(context: &Context<'_>, made: &mut Made, place: crate::source::Place) {
    let Some((name, id)) = context.plan.only("identity/") else {
        made.findings.push(
            Diagnostic::new(
                code!("identity-unknown"),
                format!("single sign-on of `{}` has no identity service", context.unit.service),
            )
            .at(place, "")
            .help(
                "let exactly one service say `provides = [\"identity/…\"]`; the chart `authentik` brings it by itself",
            ),
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
