#!/usr/bin/env python3
"""Makes src/kubernetes/kubernetes.table: what the fields of Kubernetes objects are called and what they hold.

    python3 src/kubernetes/make_table.py            # writes the table
    python3 src/kubernetes/make_table.py --check    # says whether the committed table is what this script makes

Needs the network, pip, PyYAML and Go 1.27 (`GO=/path/to/go` picks another one than the first in PATH).

Where the facts come from, all Apache-2.0 (see NOTICE beside this file):
  - the Python package named in WHEEL: the OpenAPI definitions of every Kubernetes minor release;
  - the Go modules named in MODULES: the CustomResourceDefinitions each project publishes.
Descriptions, defaults and examples are dropped; what is left is names, types, enumerations, ranges, patterns, what is
required, and the keys lists are merged by.

The table's form (little-endian):
  u32   length of the deflated index
  index deflated text, one record a line, fields separated by tabs:
          versions FIRST LAST                              Kubernetes minor releases, bit 0 of a mask is FIRST
          slice    OFFSET LENGTH                           a deflated slice, OFFSET counted from the end of the index
          metadata REFERENCE                               what `metadata` of every object holds
          kind     APIVERSION KIND SCOPE MASK REFERENCE    SCOPE is N (namespaced) or C (cluster); MASK is hexadecimal
  slices, each deflated text of lines NAME <tab> MASK <tab> JSON SCHEMA; a reference is SLICE:NAME.
Definitions that are equal in several releases are stored once, with the mask of those releases.
"""

import collections
import glob
import json
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = os.path.join(HERE, "kubernetes.table")
WHEEL = "kubernetes-validate==1.37.0"
FIRST, LAST = 29, 37

# Later modules win where two define one version of a kind: the older Flux controllers are here for the beta versions
# that the newer ones no longer carry.
MODULES = [
    ("github.com/fluxcd/kustomize-controller", "v1.7.2", "config/crd/bases/*.yaml"),
    ("github.com/fluxcd/kustomize-controller", "v1.10.1", "config/crd/bases/*.yaml"),
    ("github.com/fluxcd/source-controller", "v1.7.3", "config/crd/bases/*.yaml"),
    ("github.com/fluxcd/source-controller", "v1.10.1", "config/crd/bases/*.yaml"),
    ("github.com/fluxcd/helm-controller", "v1.4.3", "config/crd/bases/*.yaml"),
    ("github.com/fluxcd/helm-controller", "v1.6.0", "config/crd/bases/*.yaml"),
    ("go.universe.tf/metallb", "v0.16.2", "config/crd/bases/*.yaml"),
    ("github.com/cert-manager/cert-manager", "v1.21.2", "deploy/crds/*.yaml"),
    ("github.com/external-secrets/external-secrets", "v1.3.2", "config/crds/bases/*.yaml"),
    ("github.com/bitnami-labs/sealed-secrets", "v0.36.6", "helm/sealed-secrets/crds/*.yaml"),
    ("github.com/prometheus-operator/prometheus-operator", "v0.85.0", "example/prometheus-operator-crd/*.yaml"),
    ("sigs.k8s.io/gateway-api", "v1.7.0", "config/crd/standard/*.yaml"),
]

# Kinds nobody writes into a repository.
UNWRITTEN = {"APIGroup", "APIVersions", "Status", "DeleteOptions", "WatchEvent"}

# The OpenAPI definitions do not say where a kind lives. A kind in neither list stops this script.
CLUSTER = set("""
    APIService CSIDriver CSINode CertificateSigningRequest ClusterRole ClusterRoleBinding ClusterTrustBundle
    ComponentStatus CustomResourceDefinition DeviceClass DeviceTaintRule FlowSchema IPAddress IngressClass
    MutatingAdmissionPolicy MutatingAdmissionPolicyBinding MutatingWebhookConfiguration Namespace Node
    PersistentVolume PriorityClass PriorityLevelConfiguration ResourceClass ResourcePoolStatusRequest ResourceSlice
    RuntimeClass SelfSubjectAccessReview SelfSubjectReview SelfSubjectRulesReview ServiceCIDR StorageClass
    StorageVersion StorageVersionMigration SubjectAccessReview TokenReview ValidatingAdmissionPolicy
    ValidatingAdmissionPolicyBinding ValidatingWebhookConfiguration VolumeAttachment VolumeAttributesClass
""".split())
NAMESPACED = set("""
    Binding CSIStorageCapacity CompositePodGroup ConfigMap ControllerRevision CronJob DaemonSet Deployment EndpointSlice
    Endpoints Event Eviction EvictionRequest HorizontalPodAutoscaler Ingress Job Lease LeaseCandidate LimitRange
    LocalSubjectAccessReview NetworkPolicy PersistentVolumeClaim Pod PodCertificateRequest PodDisruptionBudget PodGroup
    PodSchedulingContext PodTemplate ReplicaSet ReplicationController ResourceClaim ResourceClaimParameters
    ResourceClaimTemplate ResourceClassParameters ResourceQuota Role RoleBinding Scale Secret Service ServiceAccount
    StatefulSet TokenRequest Workload
""".split())

# What the API server refuses although the published definitions only say "string". A trailing [] means each item.
PROTOCOL = ["TCP", "UDP", "SCTP"]
ENUMERATIONS = {
    "core.v1.Container imagePullPolicy": ["Always", "IfNotPresent", "Never"],
    "core.v1.EphemeralContainer imagePullPolicy": ["Always", "IfNotPresent", "Never"],
    "core.v1.Container restartPolicy": ["Always", "OnFailure", "Never"],
    "core.v1.Container terminationMessagePolicy": ["File", "FallbackToLogsOnError"],
    "core.v1.ContainerPort protocol": PROTOCOL,
    "core.v1.ServicePort protocol": PROTOCOL,
    "core.v1.EndpointPort protocol": PROTOCOL,
    "networking.v1.NetworkPolicyPort protocol": PROTOCOL,
    "core.v1.PodSpec restartPolicy": ["Always", "OnFailure", "Never"],
    "core.v1.PodSpec dnsPolicy": ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"],
    "core.v1.PodSpec preemptionPolicy": ["PreemptLowerPriority", "Never"],
    "core.v1.PodSecurityContext fsGroupChangePolicy": ["OnRootMismatch", "Always"],
    "core.v1.SeccompProfile type": ["Localhost", "RuntimeDefault", "Unconfined"],
    "core.v1.AppArmorProfile type": ["Localhost", "RuntimeDefault", "Unconfined"],
    "core.v1.HTTPGetAction scheme": ["HTTP", "HTTPS"],
    "core.v1.VolumeMount mountPropagation": ["None", "HostToContainer", "Bidirectional"],
    "core.v1.VolumeMount recursiveReadOnly": ["Disabled", "IfPossible", "Enabled"],
    "core.v1.HostPathVolumeSource type": [
        "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"],
    "core.v1.Toleration effect": ["NoSchedule", "PreferNoSchedule", "NoExecute"],
    "core.v1.Toleration operator": ["Exists", "Equal", "Lt", "Gt"],
    "core.v1.Taint effect": ["NoSchedule", "PreferNoSchedule", "NoExecute"],
    "core.v1.NodeSelectorRequirement operator": ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"],
    "core.v1.TopologySpreadConstraint whenUnsatisfiable": ["DoNotSchedule", "ScheduleAnyway"],
    "core.v1.TopologySpreadConstraint nodeAffinityPolicy": ["Honor", "Ignore"],
    "core.v1.TopologySpreadConstraint nodeTaintsPolicy": ["Honor", "Ignore"],
    "core.v1.ContainerResizePolicy restartPolicy": ["NotRequired", "RestartContainer"],
    "core.v1.ServiceSpec type": ["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"],
    "core.v1.ServiceSpec externalTrafficPolicy": ["Cluster", "Local"],
    "core.v1.ServiceSpec internalTrafficPolicy": ["Cluster", "Local"],
    "core.v1.ServiceSpec sessionAffinity": ["ClientIP", "None"],
    "core.v1.ServiceSpec ipFamilyPolicy": ["SingleStack", "PreferDualStack", "RequireDualStack"],
    "core.v1.ServiceSpec ipFamilies[]": ["IPv4", "IPv6"],
    "core.v1.PersistentVolumeClaimSpec accessModes[]": [
        "ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"],
    "core.v1.PersistentVolumeClaimSpec volumeMode": ["Filesystem", "Block"],
    "core.v1.PersistentVolumeSpec accessModes[]": [
        "ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"],
    "core.v1.PersistentVolumeSpec volumeMode": ["Filesystem", "Block"],
    "core.v1.PersistentVolumeSpec persistentVolumeReclaimPolicy": ["Retain", "Delete", "Recycle"],
    "apps.v1.DeploymentStrategy type": ["Recreate", "RollingUpdate"],
    "apps.v1.StatefulSetUpdateStrategy type": ["OnDelete", "RollingUpdate"],
    "apps.v1.DaemonSetUpdateStrategy type": ["OnDelete", "RollingUpdate"],
    "apps.v1.StatefulSetSpec podManagementPolicy": ["OrderedReady", "Parallel"],
    "apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy whenDeleted": ["Retain", "Delete"],
    "apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy whenScaled": ["Retain", "Delete"],
    "batch.v1.CronJobSpec concurrencyPolicy": ["Allow", "Forbid", "Replace"],
    "batch.v1.JobSpec completionMode": ["NonIndexed", "Indexed"],
    "batch.v1.JobSpec podReplacementPolicy": ["TerminatingOrFailed", "Failed"],
    "networking.v1.HTTPIngressPath pathType": ["Exact", "Prefix", "ImplementationSpecific"],
    "networking.v1.NetworkPolicySpec policyTypes[]": ["Ingress", "Egress"],
    "meta.v1.LabelSelectorRequirement operator": ["In", "NotIn", "Exists", "DoesNotExist"],
    "policy.v1.PodDisruptionBudgetSpec unhealthyPodEvictionPolicy": ["IfHealthyBudget", "AlwaysAllow"],
    "autoscaling.v2.MetricSpec type": ["ContainerResource", "External", "Object", "Pods", "Resource"],
    "autoscaling.v2.MetricTarget type": ["Utilization", "Value", "AverageValue"],
    "autoscaling.v2.HPAScalingRules selectPolicy": ["Max", "Min", "Disabled"],
    "autoscaling.v2.HPAScalingPolicy type": ["Pods", "Percent"],
    "rbac.v1.Subject kind": ["User", "Group", "ServiceAccount"],
    "rbac.v1.RoleRef kind": ["Role", "ClusterRole"],
    "storage.v1.StorageClass reclaimPolicy": ["Retain", "Delete"],
    "storage.v1.StorageClass volumeBindingMode": ["Immediate", "WaitForFirstConsumer"],
    "scheduling.v1.PriorityClass preemptionPolicy": ["PreemptLowerPriority", "Never"],
    "admissionregistration.v1.ValidatingWebhook failurePolicy": ["Ignore", "Fail"],
    "admissionregistration.v1.MutatingWebhook failurePolicy": ["Ignore", "Fail"],
    "admissionregistration.v1.ValidatingWebhook matchPolicy": ["Exact", "Equivalent"],
    "admissionregistration.v1.MutatingWebhook matchPolicy": ["Exact", "Equivalent"],
    "admissionregistration.v1.ValidatingWebhook sideEffects": ["None", "NoneOnDryRun"],
    "admissionregistration.v1.MutatingWebhook sideEffects": ["None", "NoneOnDryRun"],
    "admissionregistration.v1.MutatingWebhook reinvocationPolicy": ["Never", "IfNeeded"],
    "apiextensions.v1.CustomResourceDefinitionSpec scope": ["Cluster", "Namespaced"],
}

# Ranges the API server checks in its code.
PORT = {"minimum": 1, "maximum": 65535}
RANGES = {
    "core.v1.ContainerPort containerPort": PORT,
    "core.v1.ContainerPort hostPort": {"minimum": 0, "maximum": 65535},
    "core.v1.ServicePort port": PORT,
    "core.v1.ServicePort nodePort": {"minimum": 0, "maximum": 65535},
    "networking.v1.ServiceBackendPort number": {"minimum": 0, "maximum": 65535},
    "apps.v1.DeploymentSpec replicas": {"minimum": 0},
    "apps.v1.StatefulSetSpec replicas": {"minimum": 0},
}

# Marked required upstream, filled in or left empty by the API server.
NOT_REQUIRED = {("rbac.v1.RoleRef", "apiGroup"), ("apps.v1.StatefulSetSpec", "serviceName")}

# The tofu-controller publishes no module; these are the fields people write, and the rest is let through.
NAMED = {"type": "object", "properties": {"name": {"type": "string"}, "namespace": {"type": "string"}},
         "required": ["name"]}
DURATION = {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"}
FLAG, WORD, WORDS = {"type": "boolean"}, {"type": "string"}, {"type": "array", "items": {"type": "string"}}
TERRAFORM = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "required": ["interval", "sourceRef"],
            "properties": {
                "approvePlan": WORD, "path": WORD, "interval": DURATION, "retryInterval": DURATION,
                "destroyResourcesOnDeletion": FLAG, "suspend": FLAG, "force": FLAG, "storeReadablePlan": {
                    "type": "string", "enum": ["none", "json", "human"]},
                "disableDriftDetection": FLAG, "refreshBeforeApply": FLAG, "enableInventory": FLAG,
                "alwaysCleanupRunnerPod": FLAG, "planOnly": FLAG, "breakTheGlass": FLAG,
                "serviceAccountName": WORD, "workspace": WORD, "targets": WORDS,
                "parallelism": {"type": "integer", "format": "int32"},
                "dependsOn": {"type": "array", "items": NAMED},
                "sourceRef": {
                    "type": "object", "required": ["kind", "name"],
                    "properties": {"apiVersion": WORD, "name": WORD, "namespace": WORD, "kind": {
                        "type": "string", "enum": ["GitRepository", "Bucket", "OCIRepository"]}}},
                "vars": {"type": "array", "items": {
                    "type": "object", "required": ["name"], "x-kubernetes-preserve-unknown-fields": True,
                    "properties": {"name": WORD}}},
                "varsFrom": {"type": "array", "items": {
                    "type": "object", "required": ["kind", "name"], "properties": {
                        "kind": {"type": "string", "enum": ["Secret", "ConfigMap"]}, "name": WORD,
                        "varsKeys": WORDS, "optional": FLAG}}},
                "writeOutputsToSecret": {
                    "type": "object", "required": ["name"], "x-kubernetes-preserve-unknown-fields": True,
                    "properties": {"name": WORD, "outputs": WORDS}},
            },
        },
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}

KEPT = """type format enum required nullable minimum maximum exclusiveMinimum exclusiveMaximum minLength maxLength
    minItems maxItems minProperties maxProperties pattern x-kubernetes-int-or-string
    x-kubernetes-preserve-unknown-fields x-kubernetes-embedded-resource x-kubernetes-list-map-keys
    x-kubernetes-patch-merge-key""".split()


def download_wheel(folder):
    subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, WHEEL], check=True)
    return glob.glob(os.path.join(folder, "*.whl"))[0]


def download_module(folder, module, version):
    go = os.environ.get("GO", "go")
    answer = subprocess.run([go, "mod", "download", "-json", f"{module}@{version}"],
                            check=True, capture_output=True, cwd=folder)
    return json.loads(answer.stdout)["Dir"]


def trimmed(schema):
    """A custom resource's schema without prose, defaults and examples."""
    result = {key: schema[key] for key in KEPT if key in schema}
    fields = schema.get("properties", {})
    # The API server fills in defaults before it looks for what is missing.
    result["required"] = [name for name in schema.get("required", []) if "default" not in fields.get(name, {})]
    if not result["required"]:
        del result["required"]
    if "properties" in schema:
        result["properties"] = {name: trimmed(value) for name, value in schema["properties"].items()}
    if "items" in schema:
        result["items"] = trimmed(schema["items"])
    if "additionalProperties" in schema:
        more = schema["additionalProperties"]
        result["additionalProperties"] = trimmed(more) if isinstance(more, dict) else more
    return result


def short(name):
    """io.k8s.api.apps.v1.Deployment -> apps.v1.Deployment; the last three words are unique."""
    return ".".join(name.split(".")[-3:])


def native(definition, name):
    """A definition of Kubernetes itself: nullable everywhere, closed unless it holds anything."""
    word = name.rsplit(".", 1)[1]
    if word == "Quantity":
        return {"format": "quantity"}
    if word == "IntOrString":
        return {"x-kubernetes-int-or-string": True}
    result = native_field(definition)
    if "properties" not in definition:
        return {key: value for key, value in result.items() if key == "type" and value == "string"} \
            if result.get("type") == "string" else {}
    result["required"] = [key for key in definition.get("required", []) if (name, key) not in NOT_REQUIRED]
    if not result["required"]:
        del result["required"]
    for key, field in result["properties"].items():
        target = f"{name} {key}"
        if key in ("apiVersion", "kind"):
            field.pop("enum", None)
        if target in ENUMERATIONS:
            field["enum"] = ENUMERATIONS[target]
        if target + "[]" in ENUMERATIONS:
            field["items"]["enum"] = ENUMERATIONS[target + "[]"]
        field.update(RANGES.get(target, {}))
    return result


def native_field(schema):
    if "$ref" in schema:
        result = {"$ref": short(schema["$ref"].rsplit("/", 1)[1])}
    else:
        result = {key: schema[key] for key in ("type", "format", "enum") if key in schema}
        if isinstance(result.get("type"), list):
            result["type"] = next(word for word in result["type"] if word != "null")
    for key in ("x-kubernetes-list-map-keys", "x-kubernetes-patch-merge-key"):
        if key in schema:
            result[key] = schema[key]
    if "properties" in schema:
        result["properties"] = {key: native_field(value) for key, value in schema["properties"].items()}
    if "items" in schema:
        result["items"] = native_field(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        result["additionalProperties"] = native_field(schema["additionalProperties"])
    return result


def references(schema):
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)


def with_slices(schema, slice_of):
    if isinstance(schema, dict):
        return {key: f"{slice_of[value]}:{value}" if key == "$ref" and isinstance(value, str)
                else with_slices(value, slice_of) for key, value in schema.items()}
    if isinstance(schema, list):
        return [with_slices(value, slice_of) for value in schema]
    return schema


def read_releases(wheel):
    """(name, schema text) -> mask, and (apiVersion, kind) -> {name: mask}."""
    masks, kinds = collections.defaultdict(int), collections.defaultdict(lambda: collections.defaultdict(int))
    used = set()
    with zipfile.ZipFile(wheel) as archive:
        for minor in range(FIRST, LAST + 1):
            path = f"kubernetes_validate/kubernetes-json-schema/v1.{minor}.0-local-strict/_definitions.json"
            definitions = json.loads(archive.read(path))["$defs"]
            bit = 1 << (minor - FIRST)
            schemas = {}
            for name, definition in definitions.items():
                assert short(name) not in schemas, name
                schemas[short(name)] = native(definition, short(name))
                used.update(f"{short(name)} {key}" for key in definition.get("properties", {}))
            roots = {}
            for name, definition in definitions.items():
                groups = definition.get("x-kubernetes-group-version-kind", [])
                if len(groups) != 1 or groups[0]["kind"] in UNWRITTEN or groups[0]["kind"].endswith("List"):
                    continue
                group = groups[0]
                version = f"{group['group']}/{group['version']}" if group["group"] else group["version"]
                roots[short(name)] = (version, group["kind"])
                kinds[(version, group["kind"])][short(name)] |= bit
            reached, open_names = set(), list(roots) + ["meta.v1.ObjectMeta"]
            while open_names:
                name = open_names.pop()
                if name not in reached:
                    reached.add(name)
                    open_names.extend(references(schemas[name]))
            for name in reached:
                masks[(name, json.dumps(schemas[name], sort_keys=True, separators=(",", ":")))] |= bit
    for target in list(ENUMERATIONS) + list(RANGES):
        assert target.removesuffix("[]") in used, f"{target} is in no release"
    return masks, kinds


def pod_closure(masks):
    """What a pod is made of, in any release: the slice nearly every run reads."""
    links = collections.defaultdict(set)
    for name, text in masks:
        links[name].update(references(json.loads(text)))
    reached, open_names = set(), ["core.v1.PodSpec"]
    while open_names:
        name = open_names.pop()
        if name not in reached and not name.startswith("meta."):
            reached.add(name)
            open_names.extend(links[name])
    return reached


def read_modules(folder):
    """Kind by kind, newest source last: (apiVersion, kind) -> (module, scope, schema)."""
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    # YAML 1.1 gives `=` a meaning of its own; the API server's reader does not.
    Loader.yaml_implicit_resolvers = {key: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:value"]
                                      for key, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()}
    kinds = {}
    for module, version, pattern in MODULES:
        root = download_module(folder, module, version)
        paths = sorted(glob.glob(os.path.join(root, pattern)))
        assert paths, f"{module}@{version} has no {pattern}"
        for path in paths:
            with open(path, encoding="utf-8") as file:
                documents = [document for document in yaml.load_all(file, Loader) if document]
            for document in documents:
                if document["kind"] != "CustomResourceDefinition":
                    continue
                spec = document["spec"]
                for entry in spec["versions"]:
                    if entry["served"]:
                        key = (f"{spec['group']}/{entry['name']}", spec["names"]["kind"])
                        kinds[key] = (module, spec["scope"][0], trimmed(entry["schema"]["openAPIV3Schema"]))
    kinds[("infra.contrib.fluxcd.io/v1alpha2", "Terraform")] = ("tofu-controller", "N", TERRAFORM)
    return kinds


def share(schemas):
    """Moves what occurs more than once in these schemas into definitions of its own."""
    counts = collections.Counter()

    def count(schema):
        text = json.dumps(schema, sort_keys=True, separators=(",", ":"))
        counts[text] += 1
        if counts[text] == 1:
            for child in children(schema):
                count(child)

    def children(schema):
        yield from schema.get("properties", {}).values()
        if "items" in schema:
            yield schema["items"]
        if isinstance(schema.get("additionalProperties"), dict):
            yield schema["additionalProperties"]

    for schema in schemas.values():
        count(schema)
    names, definitions = {}, {}

    def shared(schema, top=False):
        text = json.dumps(schema, sort_keys=True, separators=(",", ":"))
        if not top and counts[text] > 1 and len(text) > 200:
            if text not in names:
                names[text] = f"shared{len(names)}"
                definitions[names[text]] = inner(schema)
            return {"$ref": names[text]}
        return inner(schema)

    def inner(schema):
        result = dict(schema)
        if "properties" in schema:
            result["properties"] = {key: shared(value) for key, value in sorted(schema["properties"].items())}
        if "items" in schema:
            result["items"] = shared(schema["items"])
        if isinstance(schema.get("additionalProperties"), dict):
            result["additionalProperties"] = shared(schema["additionalProperties"])
        return result

    for name in sorted(schemas):
        definitions[name] = shared(schemas[name], top=True)
    return definitions


def contents(folder):
    """The lines of the index that name kinds, and the lines of every slice."""
    masks, kinds = read_releases(download_wheel(folder))
    pods = pod_closure(masks)

    def home(name):
        if name.startswith("meta."):
            return "meta"
        return "pods" if name in pods else name.rsplit(".", 2)[0]

    homes = sorted({home(name) for name, _ in masks})
    slice_of = {name: homes.index(home(name)) for name, _ in masks}
    slices = [[] for _ in homes]
    for (name, text), mask in sorted(masks.items()):
        schema = with_slices(json.loads(text), slice_of)
        slices[slice_of[name]].append(f"{name}\t{mask:x}\t{json.dumps(schema, sort_keys=True, separators=(',', ':'))}")
    index = [f"versions\t{FIRST}\t{LAST}", f"metadata\t{slice_of['meta.v1.ObjectMeta']}:meta.v1.ObjectMeta"]
    for (version, kind), definitions in sorted(kinds.items()):
        assert (kind in CLUSTER) != (kind in NAMESPACED), f"say whether {kind} is namespaced"
        for name, mask in sorted(definitions.items()):
            scope = "C" if kind in CLUSTER else "N"
            index.append(f"kind\t{version}\t{kind}\t{scope}\t{mask:x}\t{slice_of[name]}:{name}")
    every = (1 << (LAST - FIRST + 1)) - 1
    custom = read_modules(folder)
    for module in sorted({module for module, _, _ in custom.values()}):
        mine = {f"{version} {kind}": schema for (version, kind), (home_, _, schema) in custom.items() if home_ == module}
        definitions = share(mine)
        here = dict.fromkeys(definitions, len(slices))
        slices.append([f"{name}\t{every:x}\t" + json.dumps(with_slices(schema, here), sort_keys=True, separators=(",", ":"))
                       for name, schema in sorted(definitions.items())])
        for (version, kind), (home_, scope, _) in sorted(custom.items()):
            if home_ == module:
                index.append(f"kind\t{version}\t{kind}\t{scope}\tffffffff\t{len(slices) - 1}:{version} {kind}")
    return index, ["\n".join(lines) + "\n" for lines in slices]


def deflate(text):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(text.encode()) + packer.flush()


def inflate(data):
    return zlib.decompress(data, -15).decode()


def table(index, slices):
    body, lines = b"", []
    for text in slices:
        packed = deflate(text)
        lines.append(f"slice\t{len(body)}\t{len(packed)}")
        body += packed
    head = deflate("\n".join([index[0]] + lines + index[1:]) + "\n")
    return struct.pack("<I", len(head)) + head + body


def unpacked(data):
    """What a table says, whatever the compressor that made it."""
    size = struct.unpack("<I", data[:4])[0]
    body = data[4 + size:]
    lines = inflate(data[4:4 + size]).splitlines()
    cuts = [line.split("\t")[1:] for line in lines if line.startswith("slice\t")]
    return ([line for line in lines if not line.startswith("slice\t")],
            [inflate(body[int(start):int(start) + int(length)]) for start, length in cuts])


def main():
    with tempfile.TemporaryDirectory() as folder:
        index, slices = contents(folder)
    data = table(index, slices)
    if "--check" in sys.argv:
        with open(TABLE, "rb") as file:
            same = unpacked(file.read()) == unpacked(data)
        print("kubernetes.table is current" if same else "kubernetes.table differs: run src/kubernetes/make_table.py")
        sys.exit(0 if same else 1)
    with open(TABLE, "wb") as file:
        file.write(data)
    print(f"{len(data)} bytes, {len(index) - 2} kinds, {len(slices)} slices")
    for number, text in enumerate(slices):
        print(f"  {number:3} {len(text):8} {len(deflate(text)):7}  {text.split(chr(9), 1)[0]}", file=sys.stderr)


if __name__ == "__main__":
    main()
