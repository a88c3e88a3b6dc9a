#!/usr/bin/env python3
"""Shows that a real API server with the real CRDs accepts every object of a tree, in the tree's own order.

    tests/oracle/apiserver.py [OUT]        OUT is `out` of this repository unless given

Units are applied one after the other as `dependsOn` says. Namespaces and CRDs are really created, the rest
goes through a server-side dry run with strict validation. The CRDs of a chart are loaded only once a unit
with that chart has been applied, so a custom resource in a unit that comes too early is refused.
Afterwards one object of each kind is broken, and the server has to refuse it: this proof can fail.
"""

import contextlib
import json
import os
import pathlib
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import flux_tree
from flux_tree import Tally, Wrong, as_list, broken, kind_of, name_of

# What stands before the first unit is applied: Flux itself, and what a cluster's network brings.
FROM_THE_START = ("flux", "gateway-api")
REALLY_APPLIED = ("Namespace", "CustomResourceDefinition")


def free_port():
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """An etcd and an API server on loopback, and the kubectl that talks to them."""

    def __init__(self, home):
        self.home = pathlib.Path(home)
        self.children = []
        self.port = free_port()
        self.token = secrets.token_hex(16)
        self.environment = {**os.environ, "KUBECONFIG": str(self.home / "kubeconfig"), "HOME": str(self.home)}

    def start(self):
        """Starts both and returns once the API server calls itself ready."""
        etcd, peer = free_port(), free_port()
        self.spawn(
            "etcd",
            f"--data-dir={self.home}/etcd",
            f"--listen-client-urls=http://127.0.0.1:{etcd}",
            f"--advertise-client-urls=http://127.0.0.1:{etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            "--unsafe-no-fsync",
        )
        key = self.home / "service-account.pem"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        (self.home / "tokens").write_text(f"{self.token},admin,admin,system:masters\n")
        self.spawn(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={self.port}",
            f"--cert-dir={self.home}/certs",
            f"--token-auth-file={self.home}/tokens",
            "--authorization-mode=RBAC",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/12",
            # No controller makes the default account of a namespace here.
            "--disable-admission-plugins=ServiceAccount",
        )
        self.wait_until_ready()
        (self.home / "kubeconfig").write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "proof",
                    "clusters": [
                        {
                            "name": "proof",
                            "cluster": {
                                "server": f"https://127.0.0.1:{self.port}",
                                "certificate-authority": f"{self.home}/certs/apiserver.crt",
                            },
                        }
                    ],
                    "users": [{"name": "proof", "user": {"token": self.token}}],
                    "contexts": [{"name": "proof", "context": {"cluster": "proof", "user": "proof"}}],
                }
            )
        )

    def spawn(self, program, *arguments):
        """Starts a server, with its output in a file of its own."""
        log = open(self.home / f"{program}.log", "wb")
        self.children.append(subprocess.Popen([program, *arguments], stdout=log, stderr=log, cwd=self.home))

    def wait_until_ready(self, patience=120):
        """Asks `/readyz` until it says ok."""
        unverified = ssl._create_unverified_context()
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.port}/readyz", headers={"Authorization": f"Bearer {self.token}"}
        )
        end = time.monotonic() + patience
        while time.monotonic() < end:
            with contextlib.suppress(urllib.error.URLError, OSError):
                if urllib.request.urlopen(request, context=unverified, timeout=5).status == 200:
                    return
            if any(child.poll() is not None for child in self.children):
                break
            time.sleep(0.2)
        tails = [
            f"{log.name}: " + "\n".join(log.read_text(errors="replace").splitlines()[-5:])
            for log in sorted(self.home.glob("*.log"))
        ]
        raise Wrong("the API server did not come up\n" + "\n".join(tails))

    def stop(self):
        """Ends both, the API server first."""
        for child in reversed(self.children):
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def kubectl(self, *arguments, text=None):
        """Runs kubectl against this server."""
        return subprocess.run(
            ["kubectl", *arguments], input=text, capture_output=True, text=True, env=self.environment
        )

    def apply(self, things, dry_run):
        """Applies objects server-side; gives the names accepted and what the server said about the others."""
        run = self.kubectl(
            "apply",
            "--server-side",
            "--field-manager=gitopsc",
            "--validate=strict",
            "--output=json",
            *(["--dry-run=server"] if dry_run else []),
            "--filename=-",
            text=as_list(things),
        )
        answer = json.loads(run.stdout) if run.stdout.strip() else {"items": []}
        accepted = answer["items"] if answer.get("kind") == "List" else [answer] if "kind" in answer else []
        return accepted, run.stderr

    def kinds(self):
        """Every `(apiVersion, kind)` the server knows now."""
        run = self.kubectl("api-resources", "--no-headers", "--cached=false")
        rows = [line.split() for line in run.stdout.splitlines()]
        return {(row[-3], row[-1]) for row in rows if len(row) >= 4}

    def load_crds(self, installer):
        """Really applies the CRDs one installer brings, and waits until they are served."""
        found = flux_tree.crds(flux_tree.CRDS / installer)
        if not found:
            return 0
        accepted, said = self.apply(found, dry_run=False)
        if len(accepted) != len(found):
            raise Wrong(f"the CRDs of {installer} were refused\n{said}")
        names = [f"crd/{crd['metadata']['name']}" for crd in found]
        run = self.kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)
        if run.returncode:
            raise Wrong(run.stderr)
        return len(found)


def charts_in(things):
    """The names of the charts that the HelmReleases among these objects install."""
    sources = {
        (thing["kind"], thing["metadata"]["name"]): thing["spec"].get("url", "")
        for thing in things
        if thing["kind"] == "OCIRepository"
    }
    for thing in things:
        if thing["kind"] != "HelmRelease":
            continue
        spec = thing["spec"]
        if "chart" in spec:
            yield spec["chart"]["spec"]["chart"].rpartition("/")[2]
        elif "chartRef" in spec:
            yield sources.get((spec["chartRef"]["kind"], spec["chartRef"]["name"]), "").rpartition("/")[2]


class Proof:
    """One run over one tree."""

    def __init__(self, server, out):
        self.server = server
        self.out = out
        self.tally = Tally()
        self.samples = {}
        self.not_to_be_had = {}
        self.served = set()
        # Every kind some installer brings: one of these that is unknown to the server came too early.
        self.brought = {
            (f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"])
            for folder in sorted(flux_tree.CRDS.iterdir())
            for crd in flux_tree.crds(folder)
            for version in crd["spec"]["versions"]
        }

    def run(self):
        """Prepares the cluster as Flux finds it, applies everything, then breaks one of each kind."""
        loaded = sum(self.server.load_crds(installer) for installer in FROM_THE_START)
        flux_system = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}
        self.server.apply([flux_system], dry_run=False)
        print(f"before the first unit: {loaded} CRDs, namespace flux-system")
        self.served = self.server.kinds()

        flux = flux_tree.flux_objects(self.out)
        self.apply(f"{self.out.name}/flux", flux)
        for unit in flux_tree.units_in_order(self.out):
            try:
                things = unit.objects()
            except Wrong as wrong:
                self.tally.check(False, f"unit {unit.name}", wrong)
                continue
            self.apply(f"unit {unit.name}", things)
            self.bring_crds(things)
        self.break_one_of_each()
        for (version, kind), names in sorted(self.not_to_be_had.items()):
            print(f"no CRD to be had for {kind} ({version}), not judged: {', '.join(names)}")

    def apply(self, where, things):
        """Applies one unit's objects, each of them one case."""
        known = []
        for thing in things:
            if kind_of(thing) in self.served or kind_of(thing) in self.brought:
                known.append(thing)
            else:
                self.not_to_be_had.setdefault(kind_of(thing), []).append(name_of(thing))
        started = time.monotonic()
        real = [thing for thing in known if thing["kind"] in REALLY_APPLIED]
        rest = [thing for thing in known if thing["kind"] not in REALLY_APPLIED]
        for group, dry_run in ((real, False), (rest, True)):
            if group:
                self.judge(where, group, *self.server.apply(group, dry_run))
        if any(thing["kind"] == "CustomResourceDefinition" for thing in real):
            self.served = self.server.kinds()
        print(f"{where}: {len(known)} objects, {time.monotonic() - started:.1f} s")

    def judge(self, where, group, accepted, said):
        """Compares what was sent with what came back. The server's words come with the first refusal."""
        back = {(kind_of(thing), thing["metadata"]["name"], thing["metadata"].get("namespace")) for thing in accepted}
        names_back = {(kind, name) for kind, name, _ in back}
        for thing in group:
            # A namespaced object without a namespace comes back with `default`.
            namespace = thing["metadata"].get("namespace")
            key = (kind_of(thing), thing["metadata"]["name"])
            held = (*key, namespace) in back if namespace else key in names_back
            if self.tally.check(held, f"{where}: {name_of(thing)}", said):
                self.samples.setdefault(kind_of(thing), thing)
            else:
                said = "(see above)"

    def bring_crds(self, things):
        """After a unit with a chart comes what this chart installs."""
        for chart in charts_in(things):
            if (flux_tree.CRDS / chart).is_dir() and chart not in FROM_THE_START:
                print(f"chart {chart} brings {self.server.load_crds(chart)} CRDs")
                self.served = self.server.kinds()

    def break_one_of_each(self):
        """For every kind that was accepted, the server refuses one with a broken field."""
        for (version, kind), sample in sorted(self.samples.items()):
            for what, thing in broken(sample):
                accepted, said = self.server.apply([thing], dry_run=True)
                self.tally.check(
                    not accepted and said.strip() and "no matches for kind" not in said,
                    f"{kind} ({version}) with {what} is refused",
                    said or "it was accepted",
                )
        print(f"one of each kind broken in two ways: {len(self.samples)} kinds")


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else flux_tree.ROOT / "out").resolve()
    tally = Tally()
    if flux_tree.missing("etcd", "kube-apiserver", "kubectl", "openssl"):
        return tally.close()
    if not flux_tree.CRDS.is_dir():
        print("crds: skipped")
        return tally.close()
    if not (out / "flux").is_dir():
        print(f"there is no Flux tree in {out}")
        return 2
    with tempfile.TemporaryDirectory(prefix="gitopsc-apiserver-") as home:
        server = Server(home)
        try:
            server.start()
            proof = Proof(server, out)
            tally = proof.tally
            proof.run()
        except Wrong as wrong:
            tally.check(False, "the tree as a whole", wrong)
        finally:
            server.stop()
    return tally.close()


if __name__ == "__main__":
    sys.exit(main())
