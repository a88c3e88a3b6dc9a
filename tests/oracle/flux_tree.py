"""Reads a Flux repository the way Flux does: units in order, and the objects each one applies."""

import copy
import json
import os
import pathlib
import shutil
import subprocess
import sys

try:
    import yaml
except ModuleNotFoundError:
    # Every script that imports this one compares nothing without it.
    print("PyYAML: skipped\n0 passed, 0 failed")
    sys.exit(0)

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("GITOPSC_ORACLES") or pathlib.Path.home() / ".cache/gitopsc-oracles")
CRDS = CACHE / "crds"
SCHEMAS = CACHE / "schemas"


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Dates and a lone `=` stay text, as they do for kubectl."""


NOT_IN_JSON = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")
Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in NOT_IN_JSON]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Wrong(Exception):
    """What the tree does that Flux would refuse, in a sentence."""


class Tally:
    """Counts what held and prints what did not."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, held, what, detail=""):
        """Counts one case. `detail` is printed only when it failed."""
        if held:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {what}")
            for line in str(detail).strip().splitlines()[:20]:
                print(f"    {line}")
        return held

    def close(self):
        """Prints the closing line and gives the exit code."""
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed else 0


def missing(*tools):
    """Names the tools that are absent, each on its line, and says whether there are any."""
    absent = [tool for tool in tools if not shutil.which(tool)]
    for tool in absent:
        print(f"{tool}: skipped")
    return bool(absent)


def documents(text):
    """The objects of a YAML stream; empty documents are none, and a List is its items."""
    found = []
    try:
        for document in yaml.load_all(text, Loader):
            is_list = isinstance(document, dict) and document.get("kind", "").endswith("List")
            found += document["items"] if is_list and "items" in document else [document] if document else []
    except yaml.YAMLError as error:
        raise Wrong(f"this is no YAML: {error}") from error
    for thing in found:
        if not isinstance(thing, dict) or not {"apiVersion", "kind"} <= thing.keys():
            raise Wrong(f"this is no Kubernetes object: {str(thing)[:100]}")
    return found


def documents_of(file):
    """The objects of one file, which a fault names."""
    try:
        return documents(file.read_text())
    except Wrong as wrong:
        raise Wrong(f"{file}: {wrong}") from wrong


def name_of(thing):
    """`Kind[.group]:[namespace/]name`, as everywhere in gitopsc."""
    group = group_of(thing)
    namespace = thing["metadata"].get("namespace")
    return (
        thing["kind"]
        + (f".{group}" if group else "")
        + ":"
        + (f"{namespace}/" if namespace else "")
        + thing["metadata"]["name"]
    )


def kind_of(thing):
    """What the API server calls the type of an object: `(apiVersion, kind)`."""
    return thing["apiVersion"], thing["kind"]


def group_of(thing):
    """The API group of an object; the core group's name is empty."""
    return thing["apiVersion"].rpartition("/")[0]


def is_for_kustomize(thing):
    """Whether this document is a kustomization.yaml, which no server ever sees."""
    return thing["apiVersion"].startswith("kustomize.config.k8s.io/")


def objects_of(folder):
    """What Flux builds from a folder: its kustomization, or one made of every manifest below it."""
    if (folder / "kustomization.yaml").exists():
        run = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True)
        if run.returncode:
            raise Wrong(run.stderr)
        return documents(run.stdout)
    found = []
    for file in sorted(folder.rglob("*.yaml")):
        found += [thing for thing in documents_of(file) if not is_for_kustomize(thing)]
    return found


class Unit:
    """One Flux Kustomization and the folder it applies."""

    def __init__(self, thing, out):
        self.thing = thing
        self.name = thing["metadata"]["name"]
        self.spec = thing["spec"]
        self.folder = folder_in(out, self.spec["path"])
        self.waits_for = sorted(edge["name"] for edge in self.spec.get("dependsOn", []))

    def objects(self):
        """The objects of this unit. What we cannot do exactly as Flux does, we refuse to guess."""
        for field in ("postBuild", "patches", "images", "components", "namePrefix", "nameSuffix"):
            if field in self.spec:
                raise Wrong(f"unit {self.name} uses spec.{field}, which this reader does not carry out")
        if self.folder is None:
            raise Wrong(f"unit {self.name} applies {self.spec['path']}, which is not there")
        found = objects_of(self.folder)
        target = self.spec.get("targetNamespace")
        for thing in found:
            if target and thing["kind"] not in ("Namespace", "CustomResourceDefinition"):
                thing["metadata"]["namespace"] = target
        return found


def folder_in(out, path):
    """A unit's path counts from the root of the repository; `out` may lie anywhere below it."""
    parts = [part for part in pathlib.PurePosixPath(path).parts if part not in (".", "/")]
    for start in range(len(parts)):
        for base in (out.parent, out):
            folder = base.joinpath(*parts[start:])
            if folder.is_dir():
                return folder
    return None


def flux_objects(out):
    """Every Flux object beside the units' folders. `flux-system/` belongs to Flux's own bootstrap."""
    found = []
    for file in sorted((out / "flux").glob("*.yaml")):
        found += [thing for thing in documents_of(file) if not is_for_kustomize(thing)]
    return found


def units_in_order(out):
    """The units, each after everything it waits for; among equals by name."""
    waiting = {
        thing["metadata"]["name"]: Unit(thing, out)
        for thing in flux_objects(out)
        if thing["kind"] == "Kustomization"
    }
    for unit in waiting.values():
        for name in unit.waits_for:
            if name not in waiting:
                raise Wrong(f"unit {unit.name} waits for {name}, which does not exist")
    order, done = [], set()
    while waiting:
        ready = [name for name in sorted(waiting) if done.issuperset(waiting[name].waits_for)]
        if not ready:
            raise Wrong(f"these units wait for each other: {', '.join(sorted(waiting))}")
        for name in ready:
            order.append(waiting.pop(name))
        done.update(ready)
    return order


def crds(folder):
    """The CRDs of one folder. Labels and annotations of a chart's template are not part of the type."""
    found = []
    for file in sorted(folder.glob("*.yaml")):
        for crd in documents_of(file):
            if crd.get("kind") == "CustomResourceDefinition":
                crd["metadata"] = {
                    "name": crd["metadata"]["name"],
                    # Without it the API server refuses *.k8s.io types.
                    "annotations": {
                        key: value
                        for key, value in crd["metadata"].get("annotations", {}).items()
                        if key == "api-approved.kubernetes.io"
                    },
                }
                crd.pop("status", None)
                found.append(crd)
    return found


def broken(thing):
    """The same object with one field broken, in two ways: a name nobody knows, a type nobody expects."""
    misspelt = copy.deepcopy(thing)
    place = misspelt["spec"] if isinstance(misspelt.get("spec"), dict) and misspelt["spec"] else misspelt
    fields = [key for key in place if key not in ("apiVersion", "kind", "metadata")] or ["metadata"]
    place[f"{fields[0]}x"] = place[fields[0]]
    yield f"{fields[0]}x, a field nobody knows", misspelt

    mistyped = copy.deepcopy(thing)
    fields = [key for key in mistyped if key not in ("apiVersion", "kind", "metadata", "status")]
    place = mistyped if fields else mistyped["metadata"]
    field = fields[0] if fields else "labels"
    place[field] = {"not": "expected"} if isinstance(place.get(field), (str, int, bool)) else "not expected"
    yield f"{field} of a wrong type", mistyped


def as_stream(things):
    """Several objects as one text for `kubectl -f -`. A List would be checked by kubectl, not by the server."""
    return "\n".join(json.dumps(thing) for thing in things)
