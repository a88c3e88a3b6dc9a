"""Random kustomize trees: plausible and odd mixtures of everything kustomize does, the same for the same seed.

A tree is a map from paths to contents. A content is a list of documents (written as YAML or JSON), a text, or bytes; the folder that is
built is `app`. Names come from small pools, so that references, patches and collisions really meet.
"""

import copy
import json
import random

import yaml

NAMES = ["shop", "crew", "mill", "shop-front"]
NAMESPACES = ["north", "south", "default"]
WORDS = ["red", "blue", "x", "long-word", "true", "8080", "1e3", "0777", "null", "", "yes", "a: b", "#no", "é", "a,b", "12:30", "$(NAME)", " pad ", "two\nlines\n"]
PLAIN = ["red", "blue", "green", "x1", "y-2"]
VALUES = [0, 1, 3, 80, True, False, None, 1.5, -2, 10**12, "", "1", "true", "text", "two\nlines", {}, [], {"a": 1}, ["a", "b"], [{"name": "a"}], {"a": {"b": None}}]
LABELS = ["app", "team", "app.kubernetes.io/name", "tier"]
IMAGES = ["nginx", "registry.example.org:5000/web", "example.org/team/api", "busybox"]
WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod", "ReplicaSet"}


class Tree:
    """The files under construction, and what is known of the objects in each folder."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.files = {}
        self.count = 0
        self.taken = set()

    def chance(self, share):
        return self.random.random() < share

    def one(self, choices):
        return self.random.choice(choices)

    def some(self, choices, most):
        return self.random.sample(choices, min(len(choices), self.random.randint(1, most)))

    # Objects -----------------------------------------------------------------------------------------------------------------------

    def labels(self):
        return {key: self.one(PLAIN) for key in self.some(LABELS, 2)}

    def metadata(self, name, namespaced=True):
        metadata = {"name": name}
        if namespaced and self.chance(0.3):
            metadata["namespace"] = self.one(NAMESPACES)
        if self.chance(0.4):
            metadata["labels"] = self.labels()
        if self.chance(0.25):
            metadata["annotations"] = {self.one(["note", "example.org/note", "a.b/c-d"]): self.one(WORDS)}
        if self.chance(0.03):
            metadata[self.one(["labels", "annotations"])] = self.one([None, {}])
        if self.chance(0.02):
            metadata["finalizers"] = self.some(["one", "two", "three"], 2)
        return metadata

    def image(self):
        image = self.one(IMAGES)
        if self.chance(0.6):
            image += ":" + self.one(["1", "1.25", "v2"])
        if self.chance(0.15):
            image += "@sha256:" + self.one("12") * 64
        return image

    def container(self, name):
        container = {"name": name}
        if self.chance(0.9):
            container["image"] = self.image()
        if self.chance(0.5):
            env = [{"name": "WORD", "value": self.one(WORDS)}]
            if self.chance(0.5):
                env.append({"name": "MAP", "valueFrom": {"configMapKeyRef": {"name": self.one(NAMES), "key": "a"}}})
            if self.chance(0.5):
                env.append({"name": "KEY", "valueFrom": {"secretKeyRef": {"name": self.one(NAMES), "key": "b"}}})
            self.random.shuffle(env)
            container["env"] = env
        if self.chance(0.3):
            container["envFrom"] = [{self.one(["configMapRef", "secretRef"]): {"name": self.one(NAMES)}}]
        if self.chance(0.4):
            ports = [{"name": "http", "containerPort": 8080}, {"containerPort": 9090, "protocol": "TCP"}, {"name": "dns", "containerPort": 53, "protocol": "UDP"}]
            container["ports"] = self.some(ports, 3)
        if self.chance(0.3):
            container["args"] = self.some(["--one", "--two=$(NAME)", "--three", "--word=true"], 3)
        if self.chance(0.3):
            container["volumeMounts"] = [{"name": volume, "mountPath": f"/{volume}"} for volume in self.some(["data", "temp"], 2)]
        if self.chance(0.2):
            container["resources"] = {"limits": {"memory": "64Mi", "cpu": self.one([1, "100m", 0.5])}}
        return container

    def pod(self):
        spec = {"containers": [self.container(name) for name in self.some(["main", "side", "third"], 2)]}
        if self.chance(0.2):
            spec["initContainers"] = [self.container("first")]
        if self.chance(0.4):
            volumes = [
                {"name": "data", "persistentVolumeClaim": {"claimName": self.one(NAMES)}},
                {"name": "temp", "emptyDir": {}},
                {"name": "map", "configMap": {"name": self.one(NAMES)}},
                {"name": "key", "secret": {"secretName": self.one(NAMES)}},
                {"name": "all", "projected": {"sources": [{"configMap": {"name": self.one(NAMES)}}, {"secret": {"name": self.one(NAMES)}}]}},
            ]
            spec["volumes"] = self.some(volumes, 4)
        if self.chance(0.3):
            spec["serviceAccountName"] = self.one(NAMES)
        if self.chance(0.15):
            spec["imagePullSecrets"] = [{"name": self.one(NAMES)}]
        if self.chance(0.15):
            spec["tolerations"] = [{"key": "night", "operator": "Exists"}, {"key": "day", "effect": "NoSchedule"}]
        if self.chance(0.1):
            spec["topologySpreadConstraints"] = [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": self.labels()}}]
        if self.chance(0.1):
            spec["affinity"] = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "podAffinityTerm": {"topologyKey": "host", "labelSelector": {"matchLabels": self.labels()}}}]}}
        if self.chance(0.1):
            spec["priorityClassName"] = self.one(NAMES)
        return spec

    def template(self):
        template = {"spec": self.pod()}
        if self.chance(0.7):
            template["metadata"] = {"labels": self.labels()}
        return template

    def workload(self, kind):
        spec = {"template": self.template()}
        if kind in ("Deployment", "StatefulSet") and self.chance(0.6):
            spec["replicas"] = self.one([0, 1, 3])
        if kind not in ("Job",) and self.chance(0.7):
            spec["selector"] = {"matchLabels": self.labels()}
        if kind == "StatefulSet":
            spec["serviceName"] = self.one(NAMES)
            if self.chance(0.5):
                spec["volumeClaimTemplates"] = [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]
        if kind == "Deployment" and self.chance(0.2):
            spec["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}
        return spec

    def account(self):
        subject = {"kind": self.one(["ServiceAccount", "ServiceAccount", "User"]), "name": self.one([*NAMES, "default"])}
        if self.chance(0.6):
            subject["namespace"] = self.one([*NAMESPACES, "far"])
        return subject

    def object(self):
        """An object of a random kind."""
        name = self.one(NAMES)
        kind = self.one([
            "ConfigMap", "ConfigMap", "Secret", "Service", "Service", "Deployment", "Deployment", "Deployment", "StatefulSet", "DaemonSet",
            "Job", "CronJob", "Pod", "Ingress", "HorizontalPodAutoscaler", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding",
            "ServiceAccount", "PersistentVolumeClaim", "NetworkPolicy", "PodDisruptionBudget", "Namespace", "CustomResourceDefinition",
            "ValidatingWebhookConfiguration", "HelmRelease", "Crew", "Crew", "ClusterIssuer", "Kustomization", "StorageClass", "APIService",
            "PriorityClass", "PersistentVolume",
        ])
        group, made = getattr(self, f"make_{kind}")(name)
        item = {"apiVersion": group, "kind": kind, "metadata": self.metadata(name, kind not in CLUSTER_WIDE or self.chance(0.03)), **made}
        return item

    def make_ConfigMap(self, _):
        made = {"data": {key: self.one(WORDS) for key in self.some(["a", "b", "c.txt", "d-e"], 3)}}
        if self.chance(0.1):
            made["binaryData"] = {"z": "AAEC"}
        return "v1", {} if self.chance(0.05) else made

    def make_Secret(self, _):
        return "v1", {self.one(["data", "stringData"]): {key: "YQ==" for key in self.some(["a", "b"], 2)}, "type": self.one(["Opaque", "kubernetes.io/tls"])}

    def make_Service(self, _):
        ports = [{"name": "http", "port": 80, "targetPort": 8080}, {"port": 53, "protocol": "UDP", "name": "udp"}, {"port": 53, "protocol": "TCP", "name": "tcp"}]
        return "v1", {"spec": {"ports": self.some(ports, 3), **({"selector": self.labels()} if self.chance(0.8) else {})}}

    def make_Deployment(self, _):
        return "apps/v1", {"spec": self.workload("Deployment")}

    def make_StatefulSet(self, _):
        return "apps/v1", {"spec": self.workload("StatefulSet")}

    def make_DaemonSet(self, _):
        return "apps/v1", {"spec": self.workload("DaemonSet")}

    def make_Job(self, _):
        return "batch/v1", {"spec": self.workload("Job")}

    def make_CronJob(self, _):
        return "batch/v1", {"spec": {"schedule": "0 1 * * *", "jobTemplate": {"spec": self.workload("Job")}}}

    def make_Pod(self, _):
        return "v1", {"spec": self.pod()}

    def make_Ingress(self, _):
        spec = {"rules": [{"host": f"{self.one(NAMES)}.example.org", "http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": self.one(NAMES), "port": {"number": 80}}}}]}}]}
        if self.chance(0.5):
            spec["tls"] = [{"secretName": self.one(NAMES), "hosts": ["shop.example.org"]}]
        if self.chance(0.2):
            spec["defaultBackend"] = {"service": {"name": self.one(NAMES), "port": {"name": "http"}}}
        return "networking.k8s.io/v1", {"spec": spec}

    def make_HorizontalPodAutoscaler(self, _):
        return "autoscaling/v2", {"spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": self.one(["Deployment", "StatefulSet", "Crew"]), "name": self.one(NAMES)}, "maxReplicas": 3}}

    def make_Role(self, _):
        rule = {"apiGroups": [""], "resources": [self.one(["configmaps", "secrets", "services"])], "verbs": ["get"]}
        if self.chance(0.4):
            rule["resourceNames"] = self.some(NAMES, 2)
        return "rbac.authorization.k8s.io/v1", {"rules": [rule]}

    make_ClusterRole = make_Role

    def make_RoleBinding(self, _):
        return "rbac.authorization.k8s.io/v1", {
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": self.one(["Role", "ClusterRole"]), "name": self.one(NAMES)},
            "subjects": [self.account() for _ in range(self.random.randint(1, 3))]}

    def make_ClusterRoleBinding(self, name):
        group, made = self.make_RoleBinding(name)
        made["roleRef"]["kind"] = "ClusterRole"
        return group, made

    def make_ServiceAccount(self, _):
        return "v1", {"imagePullSecrets": [{"name": self.one(NAMES)}]} if self.chance(0.3) else {}

    def make_PersistentVolumeClaim(self, _):
        return "v1", {"spec": {"accessModes": ["ReadWriteOnce"], "volumeName": self.one(NAMES), "storageClassName": self.one(NAMES)}}

    def make_PersistentVolume(self, _):
        return "v1", {"spec": {"storageClassName": self.one(NAMES), "claimRef": {"name": self.one(NAMES), "namespace": self.one(NAMESPACES)}}}

    def make_NetworkPolicy(self, _):
        spec = {"podSelector": self.one([{}, {"matchLabels": self.labels()}])}
        if self.chance(0.5):
            spec["ingress"] = [{"from": [{"podSelector": {"matchLabels": self.labels()}}, {"namespaceSelector": {"matchLabels": self.labels()}}]}]
        if self.chance(0.3):
            spec["egress"] = [{"to": [{"podSelector": {"matchLabels": self.labels()}}], "ports": [{"port": 53}]}]
        return "networking.k8s.io/v1", {"spec": spec}

    def make_PodDisruptionBudget(self, _):
        return "policy/v1", {"spec": {"minAvailable": self.one([1, "50%"]), "selector": {"matchLabels": self.labels()}}}

    def make_Namespace(self, _):
        return "v1", {}

    def make_CustomResourceDefinition(self, _):
        return "apiextensions.k8s.io/v1", {"spec": {"group": "ships.example.org", "scope": "Cluster", "names": {"kind": "Crew"}, "versions": [{"name": "v1", "served": True}],
            **({"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": {"service": {"name": self.one(NAMES), "namespace": self.one(NAMESPACES)}}}}} if self.chance(0.4) else {})}}

    def make_ValidatingWebhookConfiguration(self, _):
        return "admissionregistration.k8s.io/v1", {"webhooks": [
            {"name": f"{name}.example.org", "clientConfig": {"service": {"name": self.one(NAMES), "namespace": self.one(NAMESPACES), "path": "/"}}} for name in self.some(["one", "two"], 2)]}

    def make_HelmRelease(self, _):
        return "helm.toolkit.fluxcd.io/v2", {"spec": {"interval": "30m", "chart": {"spec": {"chart": "music", "version": self.one(["1.2.3", "1.10"]), "sourceRef": {"kind": "HelmRepository", "name": self.one(NAMES)}}},
            "valuesFrom": [{"kind": self.one(["ConfigMap", "Secret"]), "name": self.one(NAMES)}], "values": {"a": self.one(VALUES), "list": [{"name": "a", "b": self.one(VALUES)}]}}}

    def make_Kustomization(self, _):
        return "kustomize.toolkit.fluxcd.io/v1", {"spec": {"path": "./apps", "prune": True, "dependsOn": [{"name": self.one(NAMES)}], "postBuild": {"substituteFrom": [{"kind": "ConfigMap", "name": self.one(NAMES)}]}}}

    def make_Crew(self, _):
        return "ships.example.org/v1", {"spec": {"home": self.one(WORDS), "value": self.one(VALUES), "deep": {"one": {"two": self.one(VALUES)}}, "list": self.some(["a", "b", "c"], 3),
            "members": [{"name": name, "rank": self.one([1, 2])} for name in self.some(["ada", "bob", "cid"], 3)], "settingsRef": {"name": self.one(NAMES)}, "containers": [{"name": "main", "image": self.image()}]}}

    def make_ClusterIssuer(self, _):
        return "cert-manager.io/v1", {"spec": {"acme": {"privateKeySecretRef": {"name": self.one(NAMES)}}}}

    def make_StorageClass(self, _):
        return "storage.k8s.io/v1", {"provisioner": "disk.example.org"}

    def make_PriorityClass(self, _):
        return "scheduling.k8s.io/v1", {"value": 100}

    def make_APIService(self, _):
        return "apiregistration.k8s.io/v1", {"spec": {"group": "figures.example.org", "service": {"name": self.one(NAMES), "namespace": self.one(NAMESPACES)}}}

    # Patches -----------------------------------------------------------------------------------------------------------------------

    def change(self, value, depth=0):
        """A strategic merge that meets parts of a value."""
        if isinstance(value, dict):
            patch = {}
            for key in value:
                if depth == 0 and key in ("apiVersion", "kind", "metadata"):
                    continue
                if self.chance(0.5 if len(value) > 1 else 0.85):
                    patch[key] = None if self.chance(0.06) else self.change(value[key], depth + 1)
            if self.chance(0.2):
                patch[self.one(["added", "name", "labels", "data", "value"])] = self.one(VALUES)
            if self.chance(0.04):
                patch["$patch"] = self.one(["replace", "merge", "delete", "delete"])
            return patch
        if isinstance(value, list):
            if value and isinstance(value[0], dict):
                key = next((key for key in ("name", "containerPort", "port", "mountPath", "key", "ip") if any(key in item for item in value)), None)
                items = []
                for item in value:
                    if not self.chance(0.6):
                        continue
                    changed = self.change(item, depth + 1)
                    if key in item:
                        changed = {key: item[key], **{k: v for k, v in changed.items() if k != key}}
                    if self.chance(0.1):
                        changed = {**({key: item[key]} if key in item else {}), "$patch": "delete"}
                    items.append(changed)
                if self.chance(0.3):
                    items.append({key or "name": self.one(["new", "main", "http"]) if key not in ("containerPort", "port") else self.one([80, 7070]), "value": self.one(WORDS)})
                if self.chance(0.04):
                    items.insert(0, {"$patch": self.one(["replace", "delete", "merge"])})
                self.random.shuffle(items)
                return items
            return self.some(["--one", "--new", "b", "c"], 2) if self.chance(0.9) else []
        return self.one(WORDS if isinstance(value, str) else VALUES)

    def address(self, kind, version, name, namespace):
        metadata = {"name": name}
        if namespace:
            metadata["namespace"] = namespace
        return {"apiVersion": version, "kind": kind, "metadata": metadata}

    def strategic(self, known):
        item, name, namespace = known
        patch = self.address(item["kind"], item["apiVersion"], name, namespace)
        if self.chance(0.3):
            patch["metadata"][self.one(["labels", "annotations"])] = self.one([{"patched": "true"}, {"app": "new", "team": None}, None])
        patch.update({key: value for key, value in self.change({k: v for k, v in item.items() if k not in ("apiVersion", "kind", "metadata")}, 1).items() if key != "$patch" or self.chance(0.5)})
        if self.chance(0.02):
            patch["$patch"] = "delete"
        return patch

    def paths(self, value, path=()):
        """Every path in a value with what lies there."""
        found = [(path, value)] if path else []
        if isinstance(value, dict):
            for key, below in value.items():
                found += self.paths(below, (*path, key))
        elif isinstance(value, list):
            for index, below in enumerate(value):
                found += self.paths(below, (*path, index))
        return found

    def like(self, value):
        """A value of the same type."""
        if isinstance(value, str):
            return self.one(WORDS + PLAIN)
        return self.one([other for other in VALUES if isinstance(other, type(value)) and isinstance(other, bool) == isinstance(value, bool)] or VALUES)

    def operations(self, item):
        operations = []
        pointer = lambda path: "/" + "/".join(str(part).replace("~", "~0").replace("/", "~1") for part in path)
        fixed = (("kind",), ("apiVersion",), ("metadata",), ("metadata", "name"))
        paths = [(path, value) for path, value in self.paths(item) if path not in fixed]
        if not [path for path, _ in paths if not any(isinstance(part, int) for part in path)]:
            return [{"op": "add", "path": "/data", "value": {"a": "b"}}]
        for _ in range(self.random.randint(1, 2)):
            path, value = self.one(paths)
            if any(isinstance(part, int) for part in path) and self.chance(0.6):
                # An earlier patch may have left fewer items.
                path, value = self.one([entry for entry in paths if not any(isinstance(part, int) for part in entry[0])])
            op = self.one(["add"] * 9 + ["replace"] * 9 + ["remove", "copy", "move", "test"])
            if op == "add":
                if isinstance(value, list):
                    path = (*path, self.one(["-", 0, len(value)]))
                elif isinstance(value, dict):
                    path = (*path, self.one(["added", "a/b", "c~d", "name"]))
            operation = {"op": op, "path": pointer(path)}
            if op in ("add", "replace"):
                operation["value"] = self.like(value) if op == "replace" and self.chance(0.85) else self.one(VALUES)
            elif op == "test":
                operation["value"] = copy.deepcopy(value) if self.chance(0.9) else self.one(VALUES)
            elif op in ("copy", "move"):
                operation["from"] = operation["path"]
                operation["path"] = f"/{path[0]}/moved" if isinstance(item[path[0]], dict) and path[0] != "metadata" else "/moved"
            if self.chance(0.03):
                operation["path"] += self.one(["/absent/deep", "/7", "x"])
            operations.append(operation)
        return operations

    def target(self, known):
        item, name, _ = known
        group, _, version = item["apiVersion"].rpartition("/")
        target = {}
        if self.chance(0.85):
            target["kind"] = self.one([item["kind"], item["kind"], ".*", f"{item['kind']}|Secret"])
        if self.chance(0.6) or not target:
            target["name"] = self.one([name, name, name[:2] + ".*", ".*", "(shop|crew)"])
        if self.chance(0.2):
            target["group"] = group
        if self.chance(0.2):
            target["version"] = version
        if self.chance(0.1):
            target["namespace"] = self.one(NAMESPACES)
        if self.chance(0.15):
            target["labelSelector"] = self.one(["app=red", "team", "!team", "app in (red, blue)", "app!=red", "tier notin (x1),app", "app==blue"])
        if self.chance(0.05):
            target["annotationSelector"] = self.one(["note", "!note", "note=red"])
        return target

    def text(self, value):
        """A value as a person may write it into a block of text."""
        if self.chance(0.3):
            return json.dumps(value)
        return yaml.dump(value, Dumper=Writer, sort_keys=False, default_flow_style=self.chance(0.2) and None, allow_unicode=True)

    def patch(self, folder, known):
        entry = {}
        if self.chance(0.45):
            text = self.text(self.operations(known[0]))
            # Operations seldom fit another object.
            exact = {"kind": known[0]["kind"], "name": known[0]["metadata"]["name"]}
            entry = {"target": exact if self.chance(0.85) else self.target(known), "patch": text}
        else:
            documents = [self.strategic(known)]
            if self.chance(0.4):
                target = self.target(known)
                if self.chance(0.3):
                    documents[0]["metadata"]["name"] = "any"
                entry = {"target": target}
                if self.chance(0.1):
                    entry["options"] = {self.one(["allowNameChange", "allowKindChange"]): True}
            entry["patch"] = self.text(documents[0])
        if self.chance(0.3):
            path = self.path("patch")
            self.files[f"{folder}/{path}"] = entry.pop("patch")
            entry["path"] = path
        return entry

    # Kustomizations ----------------------------------------------------------------------------------------------------------------

    def path(self, word):
        self.count += 1
        return f"{word}-{self.count}.yaml"

    def resource_file(self, folder, items):
        path = self.path("all")
        documents = copy.deepcopy(items)
        if self.chance(0.08):
            documents = [{"apiVersion": "v1", "kind": "List", "items": documents}]
        self.files[f"{folder}/{path}"] = documents
        return path

    def replacement(self, known):
        source, name, _ = self.one(known)
        paths = [(path, value) for path, value in self.paths(source) if not isinstance(value, (dict, list)) or self.chance(0.05)]
        texts = [(path, value) for path, value in paths if isinstance(value, str)]
        path, _ = self.one(texts if self.chance(0.8) else paths)
        select = {"kind": source["kind"], "name": name}
        if self.chance(0.1):
            del select["name"]
        entry = {"source": {**select, "fieldPath": self.dotted(path, source, 0.02)}, "targets": []}
        if self.chance(0.1):
            entry["source"]["options"] = {"delimiter": self.one([":", "-", "."]), "index": self.one([0, 0, 1])}
        for _ in range(self.random.randint(1, 2)):
            item, name, _ = self.one(known)
            paths = [(path, value) for path, value in self.paths(item) if path[0] not in ("kind", "apiVersion") and (not isinstance(value, (dict, list)) or self.chance(0.05))]
            if not paths:
                continue
            texts = [entry for entry in paths if isinstance(entry[1], str)]
            chosen = [self.dotted(self.one(texts if texts and self.chance(0.85) else paths)[0], item) for _ in range(self.random.randint(1, 2))]
            target = {"select": {"kind": item["kind"], "name": name}, "fieldPaths": chosen}
            if self.chance(0.2):
                del target["select"]["name"]
            if self.chance(0.15) and isinstance(item["metadata"].get("annotations", {}), dict):
                target["fieldPaths"].append("metadata.annotations.made" if self.chance(0.7) else "spec.made.[name=a].value")
                target["options"] = {"create": True}
            elif self.chance(0.15):
                target["options"] = {"delimiter": self.one([":", "-", "/"]), "index": self.one([0, 1, -1, 5])}
            if self.chance(0.1):
                target["reject"] = [{"name": self.one(NAMES)}]
            entry["targets"].append(target)
        return entry

    def dotted(self, path, value, star=0.15):
        parts = []
        for part in path:
            if isinstance(part, int):
                item = value[part]
                if isinstance(item, dict) and "name" in item and self.chance(0.7):
                    parts.append(f"[name={item['name']}]")
                else:
                    parts.append("*" if self.chance(star) else str(part))
            else:
                parts.append(f"[{part}]" if self.chance(0.5) and "." in part else part.replace(".", "\\."))
            value = value[part]
        return ".".join(parts)

    def generator(self, folder, name, behavior=None):
        entry = {"name": name}
        if behavior:
            entry["behavior"] = behavior
        if self.chance(0.8):
            entry["literals"] = [f"{key}={self.one(WORDS)}" for key in self.some(["a", "b", "c.txt", "d"], 3)]
        if self.chance(0.25):
            path = self.path("file").replace(".yaml", ".txt")
            self.files[f"{folder}/{path}"] = self.one(["plain", "two\nlines\n", "", "a: b\r\nc: d\r\n", b"\x00\xff\x01", "trailing \n", "\ttab\n", "é\n", "\n\nx"])
            entry["files"] = [self.one([path, f"key={path}"])]
        if self.chance(0.15):
            path = self.path("env").replace(".yaml", ".env")
            self.files[f"{folder}/{path}"] = self.one(["ONE=1\nTWO=two words\n", "# none\n\nA_B=c=d\r\n", "X=\"y\"\nZ='z'\n", "  LEAD=1\nTAIL=2  \n"])
            entry["envs"] = [path]
        if self.chance(0.2):
            options = {"disableNameSuffixHash": self.one([True, True, False]), "labels": {"made": "yes"}, "annotations": {"note": "made"}, "immutable": True}
            entry["options"] = {key: options[key] for key in self.some(list(options), 2)}
        if self.chance(0.1):
            entry["namespace"] = self.one(NAMESPACES)
        return entry

    def kustomization(self, folder, known, depth, component=False):
        """Writes the kustomization of a folder, and gives what may be addressed in it: (object, name, namespace)."""
        file = {}
        if component:
            file = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"}
        elif self.chance(0.5):
            file = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
        resources = []
        known = list(known)
        if depth > 0 and not component:
            for _ in range(self.random.randint(1, 2 if self.chance(0.3) else 1)):
                self.count += 1
                below = f"base-{self.count}"
                known += self.kustomization(below, [], depth - 1)
                resources.append(f"../{below}")
        items = []
        for _ in range(self.random.randint(0 if known else 1, 4)):
            item = self.object()
            address = (item["kind"], item["metadata"]["name"], item["metadata"].get("namespace") if self.chance(0.5) else None)
            if address in self.taken and self.chance(0.95):
                continue
            self.taken.add(address)
            items.append(item)
        if items:
            half = len(items) // 2 if self.chance(0.5) else 0
            resources += [self.resource_file(folder, part) for part in (items[:half], items[half:]) if part]
        self.random.shuffle(resources)
        if resources:
            file["resources"] = resources
        known += [(item, item["metadata"]["name"], item["metadata"].get("namespace")) for item in items]
        known = self.fields(file, folder, known)
        if depth > 0 and not component and self.chance(0.3):
            self.count += 1
            part = f"part-{self.count}"
            known = self.kustomization(part, known, 0, component=True)
            file["components"] = [f"../{part}"]
        if self.chance(0.02):
            self.spoil(file)
        name = self.one(["kustomization.yaml"] * 8 + ["kustomization.yml", "Kustomization"])
        self.files[f"{folder}/{name}"] = [file]
        return known

    def fields(self, file, folder, known):
        """Adds transformers and generators, and gives what may be addressed after them."""
        if self.chance(0.25):
            for field, kind in (("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")):
                if not self.chance(0.6):
                    continue
                made = [name for item, name, _ in known if item["kind"] == kind]
                if made and self.chance(0.5):
                    entry = self.generator(folder, self.one(made), self.one(["merge", "merge", "replace"]))
                    file[field] = [entry]
                else:
                    entry = self.generator(folder, self.one(NAMES if self.chance(0.3) else ["made", "more"]))
                    file[field] = [entry]
                    known = [*known, ({"apiVersion": "v1", "kind": kind, "metadata": {"name": entry["name"]}, "data": {"a": "b"}}, entry["name"], entry.get("namespace"))]
                if kind == "Secret" and self.chance(0.2):
                    entry["type"] = "example.org/odd"
        if self.chance(0.05):
            options = {"disableNameSuffixHash": True, "labels": {"made": "all"}, "annotations": {"note": "all"}, "immutable": True}
            file["generatorOptions"] = {key: options[key] for key in self.some(list(options), 2)}
        if known and self.chance(0.45):
            file["patches"] = [self.patch(folder, self.one(known)) for _ in range(self.random.randint(1, 2))]
        if known and self.chance(0.06):
            file["patchesStrategicMerge"] = [self.text(self.strategic(self.one(known)))]
        if known and self.chance(0.06):
            item, name, _ = self.one(known)
            group, _, version = item["apiVersion"].rpartition("/")
            file["patchesJson6902"] = [{"target": {"group": group, "version": version, "kind": item["kind"], "name": name}, "patch": self.text(self.operations(item))}]
        if known and self.chance(0.15):
            file["replacements"] = [entry for entry in [self.replacement(known)] if entry["targets"]]
        if self.chance(0.12):
            file["images"] = [self.image_entry() for _ in range(self.random.randint(1, 2))]
        scaled = [name for item, name, _ in known if item["kind"] in ("Deployment", "StatefulSet")]
        if scaled and self.chance(0.1):
            file["replicas"] = [{"name": self.one(scaled), "count": self.one([0, 2, 5])}]
        if self.chance(0.15):
            file["labels"] = [{"pairs": self.labels()}]
            if self.chance(0.5):
                file["labels"][0][self.one(["includeSelectors", "includeTemplates"])] = True
            if self.chance(0.1):
                file["labels"][0]["fields"] = [{"path": "spec/tags", "kind": "Crew", "create": True}]
        if self.chance(0.08):
            file["commonLabels"] = self.labels()
        if self.chance(0.1):
            file["commonAnnotations"] = {"note": self.one(WORDS)}
        if self.chance(0.05):
            path = self.path("configuration")
            self.files[f"{folder}/{path}"] = [self.configuration()]
            file["configurations"] = [path]
        if known and self.chance(0.04):
            item, name, _ = self.one(known)
            self.count += 1
            file["vars"] = [{"name": "NAME" if self.chance(0.9) else f"NAME_{self.count}", "objref": {"apiVersion": item["apiVersion"], "kind": item["kind"], "name": name}}]
        if self.chance(0.04):
            file["buildMetadata"] = [self.one(["originAnnotations", "managedByLabel"])]
        if self.chance(0.04):
            file["sortOptions"] = self.one([{"order": "fifo"}, {"order": "legacy"}, {"order": "legacy", "legacySortOptions": {"orderFirst": ["Crew"], "orderLast": ["Namespace"]}}])
        if self.chance(0.25):
            file["namespace"] = self.one([*NAMESPACES, "far"])
            known = [(item, name, file["namespace"] if self.chance(0.7) else old) for item, name, old in known]
        if self.chance(0.2):
            file["namePrefix"] = self.one(["old-", "new-"])
            known = [(item, f"{file['namePrefix']}{name}" if self.chance(0.4) else name, space) for item, name, space in known]
        if self.chance(0.1):
            file["nameSuffix"] = self.one(["-x", "-two"])
            known = [(item, f"{name}{file['nameSuffix']}" if self.chance(0.4) else name, space) for item, name, space in known]
        return known

    def image_entry(self):
        entry = {"name": self.one(IMAGES)}
        if self.chance(0.5):
            entry["newName"] = self.one(["mirror.example.org/web", "web", "registry.example.org:5000/web"])
        if self.chance(0.6):
            entry["newTag"] = self.one(["2", "v3", "1.10"])
        if self.chance(0.2):
            entry["digest"] = "sha256:" + "3" * 64
        if self.chance(0.1):
            entry["tagSuffix"] = "-slim"
        return entry

    def configuration(self):
        choices = {
            "nameReference": [{"kind": "ConfigMap", "version": "v1", "fieldSpecs": [{"path": "spec/settingsRef/name", "kind": "Crew"}, {"path": "spec/valuesFrom/name", "kind": "HelmRelease"}]}],
            "namePrefix": [{"path": "spec/home", "kind": "Crew"}],
            "namespace": [{"path": "spec/place", "kind": "Crew", "create": True}],
            "commonLabels": [{"path": "spec/tags", "kind": "Crew", "create": True}],
            "commonAnnotations": [{"path": "spec/notes", "create": True, "kind": "Crew"}],
            "images": [{"path": "spec/image", "kind": "Crew"}],
            "varReference": [{"path": "spec/home", "kind": "Crew"}],
        }
        return {key: choices[key] for key in self.some(list(choices), 2)}

    def spoil(self, file):
        """A mistake, as people make them."""
        if not file:
            return
        self.one([
            lambda: file.update(resource=["x.yaml"]),
            lambda: file.setdefault("resources", []).append("absent.yaml"),
            lambda: file.update(namePrefix=5),
            lambda: file.update(commonLabels={"port": 80}),
            lambda: file.update(patches=[{"patch": "{apiVersion: v1, kind: ConfigMap, metadata: {name: nobody}, data: {a: b}}"}]),
            lambda: file.update(patches=[{"target": {"kind": ".*"}, "patch": "- {op: remove, path: /spec/absent}"}]),
            lambda: file.setdefault("resources", []).extend(file.get("resources", [])[:1]),
            lambda: file.update(components=["../app"]),
            lambda: file.update(replicas=[{"name": "nobody", "count": 1}]),
            lambda: file.update(configMapGenerator=[{"name": "made", "literals": ["novalue"]}]),
            lambda: file.update(replacements=[{"source": {"kind": "Nobody"}, "targets": [{"select": {"kind": "ConfigMap"}, "fieldPaths": ["data.a"]}]}]),
            lambda: file.update(kind="Sailing", apiVersion="v1"),
        ])()


CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "Namespace", "CustomResourceDefinition", "ValidatingWebhookConfiguration", "ClusterIssuer",
                "StorageClass", "PersistentVolume", "PriorityClass", "APIService"}


class Writer(yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper):
    """Repeats what is used twice, instead of naming it."""

    def ignore_aliases(self, _):
        return True


def tree(seed):
    """The files of a tree."""
    made = Tree(seed)
    made.kustomization("app", [], made.one([0, 1, 1, 2]))
    return made.files


def rendered(content):
    """A content as bytes."""
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode()
    if len(content) == 1 and len(json.dumps(content)) % 7 == 0:
        return json.dumps(content[0], ensure_ascii=False).encode()
    return yaml.dump_all(content, Dumper=Writer, sort_keys=False, allow_unicode=True, default_flow_style=None, width=200).encode()
