#!/usr/bin/env python3
"""Real charts: what `--helm` claims are the objects helm renders, and the chart table says what is in them. Charts that helm does not
render, and what they render twice, are found with helm's own words.

The charts come out of the projects' Go modules. Needs go, helm and PyYAML; without one of them it says so and passes.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Chart, module, folder in the module, values that make it complete.
CHARTS = [
    ("metallb", "go.universe.tf/metallb@v0.16.2", "charts/metallb", {}),
    ("cert-manager", "github.com/cert-manager/cert-manager@v1.21.2", "deploy/charts/cert-manager", {"crds": {"enabled": True}}),
    ("external-secrets", "github.com/external-secrets/external-secrets@v1.3.2", "deploy/charts/external-secrets", {}),
    ("cilium", "github.com/cilium/cilium@v1.20.2", "install/kubernetes/cilium", {}),
]
CLASSES = {"IngressClass": "ingressclass", "StorageClass": "storageclass", "PriorityClass": "priorityclass"}
SYNC = """apiVersion: source.toolkit.fluxcd.io/v1
kind: GitRepository
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m, url: "https://git.example.org/lab"}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: flux-system, namespace: flux-system}
spec: {interval: 1m, path: ./lab, prune: true, sourceRef: {kind: GitRepository, name: flux-system}}
"""


# What is wrong with a chart: a template, what is found, and a part of what helm says of it.
BROKEN = {
    "required": ('{{ required "say so" .Values.title }}\n', "chart-render-fails", "execution error at (required/templates/map.yaml:1:3): say so"),
    "unclosed": ("{{ if .Values.title }}\n", "chart-render-fails", "parse error at (unclosed/templates/map.yaml:"),
    "no-yaml": ("data: [\n", "chart-render-fails", "YAML parse error on no-yaml/templates/map.yaml"),
    "asks": ('{{ (lookup "v1" "Secret" "lab" "x").data.key }}\n', "build-refused", "nil pointer"),
    "twice": ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  a: b\n  a: c\n", "key-twice", ""),
}


def folder_of(module):
    """Where Go keeps a module; None where it cannot be had."""
    run = subprocess.run(["go", "mod", "download", "-json", module], capture_output=True, text=True)
    return json.loads(run.stdout or "{}").get("Dir")


def release(chart, values):
    """A HelmRelease of a chart in the repository, as JSON, which is YAML."""
    source = {"kind": "GitRepository", "name": "flux-system", "namespace": "flux-system"}
    spec = {"interval": "1h", "chart": {"spec": {"chart": f"./charts/{chart}", "sourceRef": source}}, "values": values}
    kind = {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease"}
    return json.dumps({**kind, "metadata": {"name": chart, "namespace": "lab"}, "spec": spec})


def broken(lab):
    """What `check --helm` says of charts that have something wrong with them."""
    for folder in ("lab", "charts"):
        shutil.rmtree(lab / folder)
    (lab / "lab").mkdir()
    (lab / "lab" / "gotk-sync.yaml").write_text(SYNC)
    for name, (template, _, _) in BROKEN.items():
        templates = lab / "charts" / name / "templates"
        templates.mkdir(parents=True)
        (templates / "map.yaml").write_text(template)
        (templates.parent / "Chart.yaml").write_text(json.dumps({"apiVersion": "v2", "name": name, "version": "0.1.0"}))
        (lab / "lab" / f"{name}.yaml").write_text(release(name, {}))
    program = ["cargo", "run", "--quiet", "--manifest-path", str(ROOT / "Cargo.toml"), "--", "-C", str(lab)]
    run = subprocess.run([*program, "check", "--helm", "--format", "json"], capture_output=True, text=True)
    told = subprocess.run([*program, "check", "--helm"], capture_output=True, text=True).stderr
    return [each for each in json.loads(run.stdout)["diagnostics"] if each["code"] != "namespace-missing"], told


def main():
    missing = [tool for tool in ("go", "helm", "cargo") if shutil.which(tool) is None]
    try:
        import yaml
    except ImportError:
        missing.append("PyYAML")
    if missing:
        print("\n".join(f"{tool}: skipped" for tool in missing))
        print("0 passed, 0 failed")
        return 0
    passed = failed = 0

    def check(holds, what, details=""):
        nonlocal passed, failed
        passed, failed = passed + bool(holds), failed + (not holds)
        if not holds:
            print(f"FAILED {what}: {details}")

    program = ["cargo", "run", "--quiet", "--manifest-path", str(ROOT / "Cargo.toml"), "--example", "claims", "--"]
    with tempfile.TemporaryDirectory() as scratch:
        lab = pathlib.Path(scratch)
        (lab / "lab" / "flux-system").mkdir(parents=True)
        (lab / "lab" / "flux-system" / "gotk-sync.yaml").write_text(SYNC)
        rendered = {}
        for chart, module, below, values in CHARTS:
            folder = folder_of(module)
            if folder is None:
                print(f"{module}: skipped")
                continue
            copy = lab / "charts" / chart
            shutil.copytree(pathlib.Path(folder) / below, copy)
            subprocess.run(["chmod", "-R", "u+w", str(copy)], check=True)
            template = copy / "Chart.template.yaml"
            if template.exists():  # cert-manager fills its version in when it is released
                described = template.read_text().replace("name: cert-manager\n", "name: cert-manager\nversion: 0.0.1\n", 1)
                (copy / "Chart.yaml").write_text(described)
            # Dependencies are not in the module; what is switched off is not needed.
            described = yaml.safe_load((copy / "Chart.yaml").read_text())
            own = [each for each in described.get("dependencies", []) if (copy / "charts" / each["name"]).is_dir()]
            described["dependencies"] = own
            described.setdefault("version", "0.0.1")
            (copy / "Chart.yaml").write_text(yaml.safe_dump(described))
            (lab / "lab" / f"{chart}.yaml").write_text(release(chart, values))
            command = ["helm", "template", chart, str(copy), "--namespace", "lab", "--include-crds"]
            command += ["--kube-version", "1.34.0", "--values", "-"]
            run = subprocess.run(command, input=json.dumps(values), capture_output=True, text=True)
            check(run.returncode == 0, f"helm renders {chart}", run.stderr[:500])
            rendered[chart] = [each for each in yaml.safe_load_all(run.stdout) if each]
        lines = subprocess.run([*program, str(lab)], capture_output=True, text=True, check=True).stdout.splitlines()
        table = subprocess.run([*program, "--table", *rendered], capture_output=True, text=True, check=True).stdout
        found, told = broken(lab)
    for name, (_, code, said) in BROKEN.items():
        mine = [each for each in found if name in json.dumps(each)]
        check([each["code"] for each in mine] == [code], f"the chart {name}", mine)
        check(said in told, f"what helm says of {name}", told)
    for line in lines:
        check(not line.startswith("found "), "nothing is found", line)
    for chart, objects in rendered.items():
        kept = [each for each in objects if "helm.sh/hook" not in (each["metadata"].get("annotations") or {})]
        theirs = {(each["kind"], each["metadata"]["name"]) for each in kept}
        named = [line.split(" ", 1)[1] for line in lines if line.startswith(f"lab/{chart} ")]
        ours = {(name.split(":")[0].split(".")[0], name.split(":", 1)[1].split("/")[-1]) for name in named}
        check(ours == theirs, f"claims of {chart}", sorted(ours ^ theirs)[:10])
        check(len(named) == len(kept), f"number of claims of {chart}", f"{len(named)} and {len(kept)}")
        known = {line.split(" ", 1)[1] for line in table.splitlines() if line.startswith(f"{chart} ")}
        groups = {f"api/{each['spec']['group']}" for each in objects if each["kind"] == "CustomResourceDefinition"}
        if chart != "cilium" and groups:  # Cilium's operator makes its definitions
            stated = {capability for capability in known if capability.startswith("api/")}
            check(stated == groups, f"groups of {chart}", sorted(stated ^ groups))
        classes = {f"{CLASSES[each['kind']]}/{each['metadata']['name']}" for each in objects if each["kind"] in CLASSES}
        stated = {capability for capability in known if capability.split("/")[0] in CLASSES.values()}
        check(stated == classes, f"classes of {chart}", sorted(stated ^ classes))
        print(f"{chart}: {len(kept)} objects, {len(groups)} groups")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
