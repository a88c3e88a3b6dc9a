//! The inventory with its meaning: addresses parsed, names resolved, services cut into units.

pub mod address;
pub mod duration;
pub mod order;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    time::Duration,
};

use crate::{
    claim::ObjectId,
    code,
    diagnostic::{Diagnostic, nearest},
    inventory::{BRINGS, Facets, Inventory, PodSecurity, Sso, Tofu},
    knowledge,
    node::{Node, Part, escape},
};

use address::Addresses;

/// The unit that owns every Namespace.
pub const NAMESPACES: &str = "namespaces";

/// The port of the Kubernetes API.
pub const API_PORT: u16 = 6443;

/// A unit's place in [`Plan::units`].
pub type UnitId = usize;

/// What the inventory means.
#[derive(Debug)]
pub struct Plan {
    /// Every address.
    pub addresses: Addresses,
    /// Where kubeconfig and kubelets reach the API server: a name or an address.
    pub endpoint: String,
    /// What is applied as a whole: one Flux Kustomization each. Services in alphabetical order, each before its phases.
    pub units: Vec<Unit>,
    /// The unit of each service, by the service's name.
    pub services: BTreeMap<String, UnitId>,
    /// Units by `service` or `service-phase`.
    pub labels: HashMap<String, UnitId>,
    /// Namespaces this repository makes.
    pub namespaces: BTreeMap<String, Namespace>,
    /// Units by what they bring.
    pub providers: BTreeMap<String, Vec<UnitId>>,
}

/// A Namespace this repository makes.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// Its Pod Security level.
    pub pod_security: Option<PodSecurity>,
    /// The service that needs it first.
    pub pointer: String,
}

/// One Flux Kustomization: a service, or a phase of one.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Its name.
    pub name: String,
    /// The service it belongs to.
    pub service: String,
    /// The phase it is, if not the service itself.
    pub phase: Option<String>,
    /// Where the inventory speaks of it.
    pub pointer: String,
    /// The namespace of its objects.
    pub namespace: String,
    /// Its layer, counted from the first.
    pub layer: Option<usize>,
    /// What it has.
    pub facets: Facets,
    /// The folder of its values and manifests.
    pub folder: String,
    /// How often Flux looks at it.
    pub interval: Duration,
    /// How long a Helm release in it may take.
    pub timeout: Duration,
    /// Its host name and certificate.
    pub host: Option<Host>,
    /// Its address out of a pool.
    pub pool: Option<PoolUse>,
    /// What the inventory's own tables make here.
    pub makes: Makes,
    /// What it brings, as capabilities.
    pub provides: BTreeSet<String>,
}

/// What the inventory's own tables make in a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Makes {
    /// Nothing.
    Nothing,
    /// The address pools of `[pools]`.
    Pools,
    /// The issuers of `[issuers]`.
    Issuers,
    /// The client of single sign-on.
    Sso,
}

/// A host name with its certificate.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its full name.
    pub fqdn: String,
    /// The Secret of its certificate.
    pub tls_secret: String,
    /// The ClusterIssuer of its certificate.
    pub issuer: Option<String>,
}

/// An address out of a pool.
#[derive(Clone, Debug)]
pub struct PoolUse {
    /// The pool.
    pub name: String,
    /// The address, where it is known.
    pub ip: Option<IpAddr>,
}

impl PoolUse {
    /// What MetalLB (0.13 and later) reads on a Service.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        let ip = self.ip.map(|ip| ("metallb.io/loadBalancerIPs".to_owned(), ip.to_string()));
        ip.into_iter().chain([("metallb.io/address-pool".to_owned(), self.name.clone())]).collect()
    }
}

impl Unit {
    /// The folder of its files below `out/`.
    pub fn path(&self) -> String {
        format!("apps/{}/{}", self.namespace, self.label())
    }

    /// `service` or `service-phase`, whatever its Flux name is pinned to.
    pub fn label(&self) -> String {
        match &self.phase {
            Some(phase) => format!("{}-{phase}", self.service),
            None => self.service.clone(),
        }
    }

    /// The name of its Helm release.
    pub fn release(&self) -> String {
        self.facets.release.clone().unwrap_or_else(|| self.label())
    }

    /// How findings and headers name it: `services.gitea`, `services.vault.phases.ingress`.
    pub fn title(&self) -> String {
        match &self.phase {
            Some(phase) => format!("services.{}.phases.{phase}", self.service),
            None => format!("services.{}", self.service),
        }
    }
}

impl Plan {
    /// Gives the inventory its meaning. What has none is reported and left out.
    pub fn resolve(inventory: &Inventory, root: &Node, diagnostics: &mut Vec<Diagnostic>) -> Plan {
        let addresses = Addresses::read(inventory, root, diagnostics);
        let endpoint = endpoint(inventory, root, &addresses, diagnostics);
        let mut plan = Plan {
            addresses,
            endpoint,
            units: Vec::new(),
            services: BTreeMap::new(),
            labels: HashMap::new(),
            namespaces: BTreeMap::new(),
            providers: BTreeMap::new(),
        };
        let mut resolver = Resolver { inventory, root, diagnostics };
        resolver.names(&plan.addresses);
        resolver.flux();
        resolver.owners();
        resolver.keys();
        for name in inventory.services.keys() {
            resolver.service(name, &mut plan);
        }
        resolver.index(&mut plan);
        plan
    }

    /// `https://host:6443` of the API server.
    pub fn endpoint_url(&self) -> String {
        let host = if self.endpoint.contains(':') { format!("[{}]", self.endpoint) } else { self.endpoint.clone() };
        format!("https://{host}:{API_PORT}")
    }

    /// The unit a `depends` names: a service, or `service-phase`.
    pub fn unit_called(&self, name: &str) -> Option<UnitId> {
        self.services.get(name).copied().or_else(|| self.labels.get(name).copied())
    }

    /// The units of a service: itself, then its phases.
    pub fn family(&self, service: &str) -> &[Unit] {
        let Some(&first) = self.services.get(service) else { return &[] };
        let count = self.units[first..].iter().take_while(|unit| unit.service == service).count();
        &self.units[first..first + count]
    }

    /// The only unit that brings something of this kind (`ingressclass/`), with its name.
    pub fn only(&self, kind: &str) -> Option<(&str, UnitId)> {
        let mut found = self.providers.range(kind.to_owned()..).take_while(|(name, _)| name.starts_with(kind));
        let (name, units) = found.next()?;
        if found.next().is_some() {
            return None;
        }
        Some((&name[kind.len()..], *units.first()?))
    }

    /// Major and minor version of the chart that brings this; None where no chart of ours does.
    pub fn chart_version(&self, capability: &str) -> Option<(u64, u64)> {
        let chart = self.units[self.provider(capability)?].facets.chart.as_ref()?;
        version(chart.version.as_deref()?)
    }

    /// The first unit that brings exactly this.
    pub fn provider(&self, capability: &str) -> Option<UnitId> {
        self.providers.get(capability).and_then(|units| units.first()).copied()
    }
}

fn endpoint(inventory: &Inventory, root: &Node, addresses: &Addresses, diagnostics: &mut Vec<Diagnostic>) -> String {
    let written = &inventory.cluster.endpoint;
    if let Some(vip) = addresses.vips.get(written) {
        return vip.ip.to_string();
    }
    if let Some(ip) = addresses.nodes.get(written).and_then(|node| node.ip) {
        return ip.to_string();
    }
    if written == "kubeprism" {
        return "localhost".into();
    }
    let is_name = written.contains('.') || written.contains(':') || written == "localhost";
    if !is_name && !inventory.vips.contains_key(written) && !inventory.nodes.contains_key(written) {
        let known = inventory.vips.keys().chain(inventory.nodes.keys()).map(String::as_str);
        let finding = address::unknown_name(root, "/cluster/endpoint", written, "vips", known);
        diagnostics.extend(finding.map(|finding| finding.follows(format!("/nodes/{}", escape(written)))));
    }
    written.clone()
}

struct Resolver<'r> {
    inventory: &'r Inventory,
    root: &'r Node,
    diagnostics: &'r mut Vec<Diagnostic>,
}

impl Resolver<'_> {
    /// References between the tables that are not services.
    fn names(&mut self, addresses: &Addresses) {
        let nodes: Vec<&str> = self.inventory.nodes.keys().map(String::as_str).collect();
        if let Some(bootstrap) = &self.inventory.cluster.bootstrap
            && !self.inventory.vips.iter().any(|(name, vip)| name == bootstrap || vip.ip == *bootstrap)
        {
            self.known("/cluster/bootstrap", bootstrap, "nodes", &nodes);
        }
        for (name, vip) in &addresses.vips {
            for (index, node) in vip.nodes.iter().enumerate() {
                self.known(&format!("/vips/{}/nodes/{index}", escape(name)), node, "nodes", &nodes);
            }
        }
        for (name, pool) in &self.inventory.pools {
            for (index, node) in pool.nodes.iter().enumerate() {
                self.known(&format!("/pools/{}/nodes/{index}", escape(name)), node, "nodes", &nodes);
            }
        }
    }

    fn known(&mut self, pointer: &str, name: &str, table: &str, known: &[&str]) {
        self.diagnostics.extend(address::unknown_name(self.root, pointer, name, table, known.iter().copied()));
    }

    /// Defaults of the Flux objects that no unit looks at by itself.
    fn flux(&mut self) {
        let flux = &self.inventory.flux;
        self.duration(None, &flux.retry_interval, "", "retry-interval");
        let named = flux.source.split_once('/');
        if !named.is_some_and(|(namespace, name)| is_label(namespace) && name.split('.').all(is_label)) {
            self.diagnostics.push(
                Diagnostic::new(code!("value-unknown"), format!("`source` of [flux] cannot be `{}`", flux.source))
                    .at(self.root.place_of("/flux/source", Part::Value), "")
                    .help("write namespace and name of the GitRepository: `flux-system/flux-system`"),
            );
        }
    }

    /// What others own: a text that names nothing would protect nothing.
    fn owners(&mut self) {
        for (tool, owner) in &self.inventory.owners {
            for (index, text) in owner.owns.iter().enumerate() {
                let release = text.strip_prefix("helm:").map(|release| release.split_once('/'));
                let is_named = match release {
                    Some(parts) => parts.is_some_and(|(namespace, name)| is_label(namespace) && is_label(name)),
                    None => ObjectId::parse(text).is_some(),
                };
                if !is_named {
                    let pointer = format!("/owners/{}/owns/{index}", escape(tool));
                    self.diagnostics.push(
                        Diagnostic::new(
                            code!("value-unknown"),
                            format!("`owns` of [owners.{tool}] cannot be `{text}`"),
                        )
                        .at(self.root.place_of(&pointer, Part::Value), "")
                        .help("write `Kind:namespace/name`, `Kind.group:name`, or `helm:namespace/release`")
                        .breaks(BRINGS),
                    );
                }
            }
        }
    }

    /// Keys that become names of objects, and of their files.
    fn keys(&mut self) {
        let tables = [
            ("/pools".to_owned(), self.inventory.pools.keys().collect::<Vec<_>>()),
            ("/issuers".to_owned(), self.inventory.issuers.keys().collect()),
        ];
        let secrets = self.inventory.services.iter().flat_map(|(name, service)| {
            let at = format!("/services/{}", escape(name));
            let phases =
                service.phases.iter().map(|(phase, facets)| (format!("{at}/phases/{}", escape(phase)), facets));
            let all: Vec<_> = std::iter::once((at.clone(), &service.facets)).chain(phases).collect();
            all.into_iter().map(|(at, facets)| (format!("{at}/secrets"), facets.secrets.keys().collect()))
        });
        for (at, names) in tables.into_iter().chain(secrets) {
            for name in names.into_iter().filter(|name| name.len() > 253 || !name.split('.').all(is_label)) {
                let place = self.root.place_of(&format!("{at}/{}", escape(name)), Part::Key);
                let help = "a name has lower-case letters, digits, `-` and `.`";
                self.diagnostics.push(name_malformed(name, place, help));
            }
        }
    }

    /// A service's unit and those of its phases.
    fn service(&mut self, name: &str, plan: &mut Plan) {
        let service = &self.inventory.services[name];
        let pointer = format!("/services/{}", escape(name));
        let namespace = service.namespace.clone().unwrap_or_else(|| name.to_owned());
        let malformed = self.malformed_name(name, &pointer, Part::Key).or_else(|| {
            let written = service.namespace.as_ref()?;
            self.malformed_name(written, &format!("{pointer}/namespace"), Part::Value)
        });
        if let Some(finding) = malformed {
            let finding = self.leaves_out(finding, name, &service.facets).breaks(format!("namespace/{namespace}"));
            let phases = service.phases.iter();
            let finding = phases
                .fold(finding, |finding, (phase, facets)| self.leaves_out(finding, &format!("{name}-{phase}"), facets));
            self.diagnostics.push(finding);
            return;
        }
        self.namespace(&namespace, service.pod_security, &pointer, plan);
        let seed = Seed { service: name, namespace: &namespace, layer: None };
        let main = self.unit(&seed, None, &pointer, service.facets.clone(), Makes::Nothing, plan);
        let layer = main.facets.layer.clone();
        let seed = Seed { layer: layer.as_deref(), ..seed };
        let brings = |group: &str| main.provides.contains(&format!("api/{group}"));
        let mut made = vec![];
        if brings("metallb.io") && !self.inventory.pools.is_empty() {
            made.push(("config", Makes::Pools, "/pools"));
        }
        if brings("cert-manager.io") && !self.inventory.issuers.is_empty() {
            made.push(("issuers", Makes::Issuers, "/issuers"));
        }
        let sso_pointer = format!("{pointer}/sso");
        if service.sso.is_some() {
            made.push(("sso", Makes::Sso, &sso_pointer));
        }
        let id = plan.units.len();
        plan.services.insert(name.to_owned(), id);
        plan.units.push(main);
        for (phase, facets) in &service.phases {
            let pointer = format!("{pointer}/phases/{}", escape(phase));
            if let Some(finding) = self.malformed_name(phase, &pointer, Part::Key) {
                let finding = self.leaves_out(finding, &format!("{name}-{phase}"), facets).breaks(&pointer);
                self.diagnostics.push(finding);
                continue;
            }
            let makes = made.iter().position(|(name, ..)| name == phase).map(|index| made.remove(index).1);
            let facets = with_sso(facets.clone(), makes, service.sso.as_ref());
            let unit = self.unit(&seed, Some(phase), &pointer, facets, makes.unwrap_or(Makes::Nothing), plan);
            plan.units.push(unit);
        }
        for (phase, makes, pointer) in made {
            let facets = with_sso(Facets::default(), Some(makes), service.sso.as_ref());
            let unit = self.unit(&seed, Some(phase), pointer, facets, makes, plan);
            plan.units.push(unit);
        }
    }

    fn unit(
        &mut self,
        seed: &Seed<'_>,
        phase: Option<&str>,
        pointer: &str,
        mut facets: Facets,
        makes: Makes,
        plan: &Plan,
    ) -> Unit {
        let flux = &self.inventory.flux;
        if facets.layer.is_none() {
            facets.layer = seed.layer.map(str::to_owned);
        }
        let layer = facets.layer.clone().and_then(|layer| self.layer(&layer, pointer));
        let interval = self.duration(facets.interval.as_deref(), &flux.interval, pointer, "interval");
        let timeout = self.duration(facets.timeout.as_deref(), &flux.timeout, pointer, "timeout");
        let host = facets.host.clone().and_then(|host| self.host(&host, &facets, pointer));
        let pool = facets.pool.clone().and_then(|pool| self.pool(&pool, &facets, pointer, plan));
        let folder = match phase {
            Some(phase) => format!("templates/services/{}/{phase}", seed.service),
            None => format!("templates/services/{}", seed.service),
        };
        for (key, name) in [("unit", &mut facets.unit), ("release", &mut facets.release)] {
            let at = format!("{pointer}/{key}");
            if let Some(finding) = name.as_deref().and_then(|name| self.malformed_name(name, &at, Part::Value)) {
                self.diagnostics.push(finding);
                *name = None;
            }
        }
        let mut unit = Unit {
            name: String::new(),
            service: seed.service.to_owned(),
            phase: phase.map(str::to_owned),
            pointer: pointer.to_owned(),
            namespace: seed.namespace.to_owned(),
            layer,
            folder,
            interval,
            timeout,
            host,
            pool,
            makes,
            provides: provides(&facets),
            facets,
        };
        match makes {
            Makes::Issuers => {
                unit.provides.extend(self.inventory.issuers.keys().map(|name| format!("clusterissuer/{name}")));
            }
            Makes::Pools => {
                unit.provides.extend(self.inventory.pools.keys().map(|name| format!("ipaddresspool/{name}")));
            }
            Makes::Sso | Makes::Nothing => {}
        }
        unit.name = unit.facets.unit.clone().unwrap_or_else(|| unit.label());
        if !is_label(&unit.name) {
            let place = self.root.place_of(pointer, Part::Key);
            let help = "a unit's name has at most 63 characters: pin a shorter one with `unit = \"…\"`";
            self.diagnostics.push(name_malformed(&unit.name, place, help));
        }
        unit
    }

    fn layer(&mut self, layer: &str, pointer: &str) -> Option<usize> {
        let order = &self.inventory.layers.order;
        let found = order.iter().position(|known| known == layer);
        if found.is_none() {
            let place = self.root.place_of(&format!("{pointer}/layer"), Part::Value);
            let finding = Diagnostic::new(code!("name-unknown"), format!("`{layer}` is not in `order` of [layers]"))
                .at(place, "")
                .follows("/layers/order");
            self.diagnostics.push(match nearest(layer, order.iter().map(String::as_str)) {
                Some(near) => finding.edit(place, format!("\"{near}\""), format!("did you mean `{near}`?")),
                None => finding.help(format!("add `{layer}` to `order` of [layers], at its place")),
            });
        }
        found
    }

    fn duration(&mut self, own: Option<&str>, default: &str, pointer: &str, key: &str) -> Duration {
        let (text, pointer) = match own {
            Some(text) => (text, format!("{pointer}/{key}")),
            None => (default, format!("/flux/{key}")),
        };
        let parsed = duration::parse(text);
        if let Some(duration) = parsed.filter(|duration| !duration.is_zero()) {
            return duration;
        }
        let place = self.root.place_of(&pointer, Part::Value);
        let message = match parsed {
            Some(_) => format!("`{key}` cannot be `{text}`, which is no time at all"),
            None => format!("`{text}` is not a duration"),
        };
        let finding = Diagnostic::new(code!("duration-malformed"), message)
            .at(place, "")
            .help("write hours, minutes and seconds: `1h30m`, `10m`, `90s`");
        if !self.diagnostics.contains(&finding) {
            self.diagnostics.push(finding);
        }
        Duration::from_secs(600)
    }

    fn host(&mut self, host: &str, facets: &Facets, pointer: &str) -> Option<Host> {
        let at = format!("{pointer}/host");
        let place = self.root.place_of(&at, Part::Value);
        let Some(dns) = &self.inventory.dns else {
            let finding = Diagnostic::new(code!("zone-missing"), format!("host `{host}` has no zone to lie in"));
            let zone = self.inventory.cluster.domain.as_deref().unwrap_or("example.com");
            let finding = finding.at(place, "").help(format!("add `[dns]` with `zone = \"{zone}\"`"));
            self.diagnostics.push(finding.breaks(&at).breaks("/dns/zone").follows("/dns/zone"));
            return None;
        };
        let zone = dns.zone.trim_end_matches('.');
        let fqdn = match host {
            "@" => zone.to_owned(),
            _ if host == zone || host.ends_with(&format!(".{zone}")) => host.to_owned(),
            _ if !host.contains('.') => format!("{host}.{zone}"),
            _ => {
                let zone_place = self.root.place_of("/dns/zone", Part::Value);
                let first = host.split('.').next().unwrap_or_default();
                self.diagnostics.push(
                    Diagnostic::new(code!("host-outside-zone"), format!("host `{host}` is not in the zone `{zone}`"))
                        .at(place, "")
                        .at(zone_place, "the zone")
                        .edit(
                            place,
                            format!("\"{first}\""),
                            format!("if `{first}.{zone}` is meant, write what stands before the zone"),
                        )
                        .about(host)
                        .breaks(&at),
                );
                return None;
            }
        };
        if !fqdn.split('.').all(is_label) {
            let finding = name_malformed(host, place, "a host name has lower-case letters, digits and `-`");
            self.diagnostics.push(finding.breaks(&at));
            return None;
        }
        let issuer = facets.issuer.clone().or_else(|| self.inventory.tls.as_ref().map(|tls| tls.issuer.clone()));
        let tls_secret = format!("{}-tls", fqdn.replace('.', "-"));
        Some(Host { fqdn, tls_secret, issuer })
    }

    fn pool(&mut self, name: &str, facets: &Facets, pointer: &str, plan: &Plan) -> Option<PoolUse> {
        let known: Vec<&str> = self.inventory.pools.keys().map(String::as_str).collect();
        self.known(&format!("{pointer}/pool"), name, "pools", &known);
        let pool = plan.addresses.pools.get(name)?;
        let Some(written) = &facets.ip else { return Some(PoolUse { name: name.to_owned(), ip: pool.only() }) };
        let place = self.root.place_of(&format!("{pointer}/ip"), Part::Value);
        let Ok(ip) = written.parse::<IpAddr>() else {
            let finding = Diagnostic::new(code!("address-malformed"), format!("`{written}` is not an IP address"));
            let finding = finding.at(place, "").help("an address looks like `10.2.1.1` or `fd00::1`");
            self.diagnostics.push(finding.breaks(format!("{pointer}/pool")));
            return None;
        };
        if !pool.ranges.iter().any(|range| range.contains(ip)) {
            let pool_place = self.root.place_of(&format!("/pools/{}/ips", escape(name)), Part::Value);
            self.diagnostics.push(
                Diagnostic::new(code!("address-outside"), format!("`{ip}` is not in the pool `{name}`"))
                    .at(place, "")
                    .at(pool_place, format!("pool `{name}`"))
                    .help(format!("choose an address of `{name}`, or leave `ip` away"))
                    .about(ip.to_string())
                    .follows(format!("/pools/{}/ips", escape(name))),
            );
        }
        Some(PoolUse { name: name.to_owned(), ip: Some(ip) })
    }

    fn namespace(&mut self, name: &str, level: Option<PodSecurity>, pointer: &str, plan: &mut Plan) {
        let owned = format!("Namespace:{name}");
        let elsewhere = self.inventory.owners.values().any(|owner| owner.owns.contains(&owned));
        if elsewhere || is_always_there(name, self.inventory) {
            return;
        }
        let Some(known) = plan.namespaces.get_mut(name) else {
            let namespace = Namespace { pod_security: level, pointer: pointer.to_owned() };
            plan.namespaces.insert(name.to_owned(), namespace);
            return;
        };
        match (known.pod_security, level) {
            (Some(one), Some(other)) if one != other => {
                let finding = Diagnostic::new(
                    code!("pod-security-twice"),
                    format!("namespace `{name}` is given two Pod Security levels"),
                )
                .at(self.root.place_of(&format!("{pointer}/pod-security"), Part::Value), "")
                .at(
                    self.root.place_of(&format!("{}/pod-security", known.pointer), Part::Value),
                    format!("`{}` asks for this", known.pointer.trim_start_matches("/services/")),
                )
                .help("give both the same level, or one of them another `namespace`")
                .about(owned);
                self.diagnostics.push(finding);
            }
            (None, Some(level)) => {
                known.pod_security = Some(level);
                pointer.clone_into(&mut known.pointer);
            }
            _ => {}
        }
    }

    fn malformed_name(&self, name: &str, pointer: &str, part: Part) -> Option<Diagnostic> {
        if is_label(name) && name.len() <= 53 {
            return None;
        }
        let place = self.root.place_of(pointer, part);
        Some(name_malformed(name, place, "a name has lower-case letters, digits and `-`, at most 53 of them"))
    }

    /// What nobody can rely on when a service or phase of this label and these facets is left out.
    fn leaves_out(&self, finding: Diagnostic, label: &str, facets: &Facets) -> Diagnostic {
        let mut brought = provides(facets);
        if brought.contains("api/metallb.io") {
            brought.extend(self.inventory.pools.keys().map(|name| format!("ipaddresspool/{name}")));
        }
        if brought.contains("api/cert-manager.io") {
            brought.extend(self.inventory.issuers.keys().map(|name| format!("clusterissuer/{name}")));
        }
        let finding = finding.breaks(format!("/services/{}", escape(label)));
        brought.into_iter().fold(finding, |finding, capability| {
            // Also the kind alone: who looks for the only ingress class there is does not know its name.
            let kind = capability.split_inclusive('/').next().unwrap_or_default().to_owned();
            finding.breaks(kind).breaks(capability)
        })
    }

    fn unit_twice(&self, unit: &Unit, other: Option<&Unit>) -> Diagnostic {
        let place = |unit: &Unit| match &unit.facets.unit {
            Some(_) => self.root.place_of(&format!("{}/unit", unit.pointer), Part::Value),
            None => self.root.place_of(&unit.pointer, Part::Key),
        };
        let what = |unit: &Unit| match &unit.phase {
            Some(phase) => format!("phase `{phase}` of `{}`", unit.service),
            None => format!("service `{}`", unit.service),
        };
        let Some(other) = other else {
            return Diagnostic::new(code!("unit-twice"), format!("no service can have the unit `{}`", unit.name))
                .at(place(unit), "")
                .note(format!("`{}` is the name of a unit that every tree has", unit.name))
                .help("pin another name with `unit = \"…\"`")
                .about(&unit.name);
        };
        let message = format!("{} and {} are both unit `{}`", what(other), what(unit), unit.name);
        let finding = Diagnostic::new(code!("unit-twice"), message)
            .at(place(unit), "")
            .at(place(other), "the other")
            .about(&unit.name)
            .breaks(format!("unit {}", unit.label()));
        // A pinned name parts the units, but not their folders.
        if unit.label() == other.label() {
            finding.help("rename one of them")
        } else {
            finding.help("rename one of them, or pin another name with `unit = \"…\"`")
        }
    }

    /// Fills the tables of units by name and by what they bring; reports names given twice.
    fn index(&mut self, plan: &mut Plan) {
        let mut by_name: HashMap<String, UnitId> = HashMap::new();
        let mut by_path: HashMap<String, UnitId> = HashMap::new();
        for (id, unit) in plan.units.iter().enumerate() {
            for capability in &unit.provides {
                plan.providers.entry(capability.clone()).or_default().push(id);
            }
            let twice = by_path.get(&unit.path()).or_else(|| by_name.get(&unit.name)).copied();
            let reserved = unit.name == NAMESPACES || unit.name == "flux-system";
            if twice.is_some() || reserved {
                self.diagnostics.push(self.unit_twice(unit, twice.map(|other| &plan.units[other])));
            }
            by_name.entry(unit.name.clone()).or_insert(id);
            by_path.entry(unit.path()).or_insert(id);
        }
        plan.labels = plan.units.iter().enumerate().map(|(id, unit)| (unit.label(), id)).collect();
    }
}

fn name_malformed(name: &str, place: crate::source::Place, help: &str) -> Diagnostic {
    let finding = Diagnostic::new(code!("name-malformed"), format!("`{name}` cannot be a name in Kubernetes"))
        .at(place, "")
        .help(help);
    let near = name.to_lowercase().replace([' ', '_', '.'], "-");
    let near = near.trim_matches('-');
    if is_label(near) && near.len() <= 53 { finding.help(format!("did you mean `{near}`?")) } else { finding }
}

/// Whether a namespace is there before anything of this repository: Kubernetes' own, and the one Flux runs in.
pub fn is_always_there(namespace: &str, inventory: &Inventory) -> bool {
    let (flux, _) = inventory.flux.git_repository();
    namespace == flux || matches!(namespace, "default" | "flux-system") || namespace.starts_with("kube-")
}

/// What a service passes on to its phases.
struct Seed<'s> {
    service: &'s str,
    namespace: &'s str,
    layer: Option<&'s str>,
}

fn with_sso(mut facets: Facets, makes: Option<Makes>, sso: Option<&Sso>) -> Facets {
    if let (Some(Makes::Sso), Some(sso)) = (makes, sso)
        && facets.tofu.is_none()
    {
        let Sso { tofu, vars_from, writes } = sso.clone();
        facets.tofu = Some(Tofu { dir: tofu, approve: true, vars_from, writes });
    }
    facets
}

fn provides(facets: &Facets) -> BTreeSet<String> {
    let chart = facets.chart.as_ref().and_then(|chart| {
        let from_path = |path: &'_ String| path.trim_end_matches('/').rsplit('/').next().map(str::to_owned);
        chart
            .name
            .clone()
            .or_else(|| chart.oci.as_ref().and_then(from_path))
            .or_else(|| chart.path.as_ref().and_then(from_path))
    });
    let known = chart.as_deref().map_or(&[] as &[&str], knowledge::of_chart);
    known.iter().map(|capability| (*capability).to_owned()).chain(facets.provides.iter().cloned()).collect()
}

/// Major and minor of a version: `v1.16.2` is (1, 16).
pub fn version(text: &str) -> Option<(u64, u64)> {
    let mut parts = text.trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Whether a text is a DNS label (RFC 1123): lower-case letters, digits and inner hyphens.
pub fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= 63 && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}
