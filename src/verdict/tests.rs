use super::*;
use crate::{
    claims::release,
    source::{Place, Sources, Span},
};

fn claim(tool: Tool, unit: &str, object: &str, role: Role) -> Claim {
    let source = Sources::default().add("x.yaml", "");
    let object = match object.strip_prefix("helm:").and_then(|name| name.split_once('/')) {
        Some((namespace, name)) => release(namespace, name),
        None => ObjectId::parse(object).unwrap(),
    };
    Claim {
        object,
        cluster: (tool == Tool::Flux).then_some(0),
        tool,
        unit: unit.into(),
        flux_unit: None,
        role,
        prunes: tool == Tool::Flux,
        certainty: Certainty::Exact,
        place: Place { source, span: Span::default() },
        content: None,
    }
}

fn only(claims: &[Claim]) -> (Verdict, Severity, bool) {
    let judged = judge(claims, 1, &Settings::default());
    assert_eq!(judged.len(), 1, "{judged:?}");
    (judged[0].verdict, judged[0].severity, judged[0].is_declared)
}

#[test]
fn severity_goes_by_consequence() {
    let flux = |unit: &str, object: &str| claim(Tool::Flux, unit, object, Role::Owner);
    let twice = |object: &str| [flux("a/a", object), flux("b/b", object)];
    assert_eq!(only(&twice("Namespace:web")), (Verdict::Conflict, Severity::Error, false));
    assert_eq!(only(&twice("ConfigMap:web/web")), (Verdict::Conflict, Severity::Error, false));
    let copies = twice("ConfigMap:web/web").map(|claim| Claim { content: Some(7), ..claim });
    assert_eq!(only(&copies), (Verdict::Conflict, Severity::Warning, false));
    let copies = twice("Namespace:web").map(|claim| Claim { content: Some(7), ..claim });
    assert_eq!(only(&copies).1, Severity::Error);
    let kept = twice("Namespace:web").map(|claim| Claim { content: Some(7), prunes: false, ..claim });
    assert_eq!(only(&kept).1, Severity::Warning);
}

#[test]
fn one_owner_is_no_finding_and_a_root_may_hold_itself() {
    let itself = "Kustomization.kustomize.toolkit.fluxcd.io:flux-system/flux-system";
    let root = claim(Tool::Flux, "flux-system/flux-system", itself, Role::Owner);
    assert!(judge(std::slice::from_ref(&root), 1, &Settings::default()).is_empty());
    let two = [root, claim(Tool::Flux, "flux-system/other", itself, Role::Owner)];
    assert!(judge(&two, 1, &Settings::default())[0].is_self);
}

#[test]
fn a_bootstrap_is_a_handover_until_two_keep_it() {
    let talos = claim(Tool::Talos, "cluster.yaml", "helm:kube-system/cilium", Role::Bootstrap);
    let argo = claim(Tool::ArgoCd, "argocd/cilium", "helm:kube-system/cilium", Role::Owner);
    let both = [talos, argo];
    assert_eq!(only(&both), (Verdict::Handover, Severity::Warning, false));
    let settings = Settings {
        handover: vec![crate::settings::Handover {
            on: "helm:kube-system/cilium".into(),
            from: "talos".into(),
            to: "argocd".into(),
            reason: "nodes need a network before Argo CD runs".into(),
        }],
        ..Settings::default()
    };
    let judged = judge(&both, 1, &settings);
    assert!(judged[0].is_declared);
    let terraform = claim(Tool::Terraform, "helm_release.cilium", "helm:kube-system/cilium", Role::Owner);
    let [talos, argo] = both;
    assert_eq!(only(&[talos, argo, terraform]), (Verdict::Conflict, Severity::Error, false));
}

#[test]
fn fields_are_shared_until_two_set_the_same() {
    let fields = |unit: &str, field: &str| {
        claim(Tool::Terraform, unit, "ConfigMap:kube-system/coredns", Role::Fields(vec![field.into()]))
    };
    let owner = claim(Tool::Flux, "a/a", "ConfigMap:kube-system/coredns", Role::Owner);
    assert_eq!(only(&[owner.clone(), fields("x", "/data/a")]).0, Verdict::Shared);
    assert_eq!(only(&[owner, fields("x", "/data/a"), fields("y", "/data/a")]).0, Verdict::Conflict);
}

#[test]
fn what_may_be_in_another_cluster_is_not_known() {
    let flux = claim(Tool::Flux, "a/a", "Namespace:web", Role::Owner);
    let terraform = claim(Tool::Terraform, "kubernetes_namespace.web", "Namespace:web", Role::Owner);
    let judged = judge(&[flux, terraform], 2, &Settings::default());
    assert_eq!(judged[0].verdict, Verdict::Unknown);
}
