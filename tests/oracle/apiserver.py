#!/usr/bin/env python3
"""Shows that a real API server with the real CRDs accepts every object of a tree, in the tree's own order.

    tests/oracle/apiserver.py [OUT]        OUT is `out` of this repository unless given

Units are applied one after the other as `dependsOn` says. Namespaces and CRDs are really created, the rest
goes through a server-side dry run with strict validation. The CRDs of a chart are loaded only once a unit
with that chart has been applied, so a custom resource in a unit that comes too early is refused.
Afterwards one object of each kind is broken, and the server has to refuse it: this proof can fail.
"""

import collections
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
from flux_tree import Tally, Wrong, as_stream, broken, group_of, kind_of, name_of

# What stands before the first unit is applied: Flux itself, and what a cluster's network brings.
FROM_THE_START = ("flux", "gateway-api")
REALLY_APPLIED = ("Namespace", "CustomResourceDefinition")


def free_ports(count):
    """Ports nobody listens on right now. All are held before one is given back, so no two are the same."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


class Server:
    """An etcd and an API server on loopback, and the kubectl that talks to them."""

    def __init__(self, home):
        self.home = pathlib.Path(home)
        self.children = []
        self.token = secrets.token_hex(16)
        self.environment = {**os.environ, "KUBECONFIG": str(self.home / "kubeconfig"), "HOME": str(self.home)}

    def start(self):
        """Starts both and returns once the API server calls itself ready."""
        self.port, etcd, peer = free_ports(3)
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
        """Applies objects server-side; gives the short names accepted and what was said about the others."""
        run = self.kubectl(
            "apply",
            "--server-side",
            "--field-manager=gitopsc",
            "--validate=strict",
            # Only this format is printed object by object, whatever becomes of the others.
            "--output=name",
            *(["--dry-run=server"] if dry_run else []),
            "--filename=-",
            text=as_stream(things),
        )
        return run.stdout.split(), run.stderr

    def groups(self):
        """Every API group the server knows now."""
        run = self.kubectl("api-versions")
        return {version.rpartition("/")[0] for version in run.stdout.split()}

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


def short_name(thing):
    """What `kubectl -o name` prints for an object."""
    group = group_of(thing)
    return thing["kind"].lower() + (f".{group}" if group else "") + "/" + thing["metadata"]["name"]


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
        # Which unit makes a namespace or brings a group, and what each unit waits for, also through others.
        self.made_by = {}
        self.waits_for = {}
        # A kind of one of these groups that the server does not know came too early, or is misspelt.
        self.brought = {
            crd["spec"]["group"]
            for folder in sorted(flux_tree.CRDS.iterdir())
            for crd in flux_tree.crds(folder)
        }

    def run(self):
        """Prepares the cluster as Flux finds it, applies everything, then breaks one of each kind."""
        loaded = sum(self.server.load_crds(installer) for installer in FROM_THE_START)
        flux_system = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}
        self.server.apply([flux_system], dry_run=False)
        print(f"before the first unit: {loaded} CRDs, namespace flux-system")
        self.served = self.server.groups()

        flux = flux_tree.flux_objects(self.out)
        self.apply(f"{self.out.name}/flux", flux)
        for unit in flux_tree.units_in_order(self.out):
            self.waits_for[unit.name] = {unit.name}.union(*(self.waits_for[name] for name in unit.waits_for))
            try:
                things = unit.objects()
            except Wrong as wrong:
                self.tally.check(False, f"unit {unit.name}", wrong)
                continue
            self.judge_order(unit, things)
            self.apply(f"unit {unit.name}", things)
            self.bring_crds(unit, things)
        self.break_one_of_each()
        for (version, kind), names in sorted(self.not_to_be_had.items()):
            print(f"no CRD to be had for {kind} ({version}), not judged: {', '.join(names)}")

    def apply(self, where, things):
        """Applies one unit's objects, each of them one case."""
        known = []
        for thing in things:
            if group_of(thing) in self.served or group_of(thing) in self.brought:
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
            self.served = self.server.groups()
        print(f"{where}: {len(known)} objects, {time.monotonic() - started:.1f} s")

    def judge(self, where, group, accepted, said):
        """Compares what was sent with what came back. The server's words come with the first refusal."""
        back = collections.Counter(accepted)
        for thing in group:
            held = back[short_name(thing)] > 0
            back[short_name(thing)] -= 1
            self.tally.check(held, f"{where}: {name_of(thing)}", said)
            if held:
                self.samples.setdefault(kind_of(thing), thing)
            else:
                said = "(see above)"

    def judge_order(self, unit, things):
        """A unit waits for whoever makes its namespaces and types; that they happen to come first is not enough."""
        for thing in things:
            if thing["kind"] == "Namespace":
                self.made_by.setdefault(("namespace", thing["metadata"]["name"]), unit.name)
        needs = {("namespace", thing["metadata"].get("namespace")) for thing in things}
        needs |= {("group", group_of(thing)) for thing in things}
        missed = [
            f"{kind} {name} comes from unit {self.made_by[kind, name]}"
            for kind, name in sorted(need for need in needs if need in self.made_by)
            if self.made_by[kind, name] not in self.waits_for[unit.name]
        ]
        self.tally.check(not missed, f"unit {unit.name} waits for all it needs", "\n".join(missed))

    def bring_crds(self, unit, things):
        """After a unit with a chart comes what this chart installs."""
        for chart in charts_in(things):
            if (flux_tree.CRDS / chart).is_dir() and chart not in FROM_THE_START:
                for crd in flux_tree.crds(flux_tree.CRDS / chart):
                    self.made_by.setdefault(("group", crd["spec"]["group"]), unit.name)
                print(f"chart {chart} brings {self.server.load_crds(chart)} CRDs")
                self.served = self.server.groups()

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
