//! What templates may know: the facts of the cluster, and those of the unit or node they are for. Never a secret's value.

use serde_json::{Map, Value, json};

use crate::{
    inventory::Inventory,
    plan::{API_PORT, Plan, Unit, UnitId},
    template::Context,
};

/// The facts every template shares.
#[derive(Clone, Debug)]
pub struct Facts {
    shared: Context,
}

impl Facts {
    /// Collects the shared facts once a run.
    pub fn new(inventory: &Inventory, plan: &Plan) -> Facts {
        let nodes: Map<String, Value> =
            inventory.nodes.keys().map(|name| (name.clone(), node(inventory, plan, name))).collect();
        let role = |role: &str| -> Vec<Value> { nodes.values().filter(|node| node["role"] == role).cloned().collect() };
        let domain = inventory.cluster.domain.clone();
        let vips: Map<String, Value> =
            plan.addresses.vips.iter().map(|(name, vip)| (name.clone(), json!({ "ip": vip.ip }))).collect();
        let shared = json!({
            "cluster": {
                "name": inventory.cluster.name,
                "domain": domain,
                "endpoint": { "host": plan.endpoint, "port": API_PORT, "url": plan.endpoint_url() },
                "bootstrap": inventory.cluster.bootstrap,
            },
            "repo": inventory.repo,
            "versions": inventory.versions,
            "networks": networks(inventory, plan),
            "vips": vips,
            "pools": pools(plan),
            "controlplanes": role("controlplane"),
            "workers": role("worker"),
            "nodes": nodes,
            "dns": inventory.dns,
            "tls": inventory.tls,
            "vars": inventory.vars,
            "services": services(plan),
        });
        Facts { shared: Context::new(&without_nulls(shared)) }
    }

    /// The facts of a unit's templates.
    pub fn of_unit(&self, plan: &Plan, id: UnitId, inventory: &Inventory) -> Context {
        let unit = &plan.units[id];
        let mut own = Map::new();
        own.insert("service".into(), service(unit));
        if let Some(phase) = &unit.phase {
            own.insert("phase".into(), json!(phase));
        }
        own.insert("vars".into(), unit_vars(plan, unit, inventory));
        if let Some(host) = host(unit) {
            own.insert("host".into(), host);
        }
        if let Some(pool) = pool(unit) {
            own.insert("pool".into(), pool);
        }
        own.insert("secrets".into(), secrets(plan, unit));
        self.with(own)
    }

    /// The facts of a node's Talos patches.
    pub fn of_node(&self, inventory: &Inventory, plan: &Plan, name: &str) -> Context {
        let mut own = Map::new();
        own.insert("node".into(), node(inventory, plan, name));
        self.with(own)
    }

    /// The shared facts alone, for templates that belong to no unit.
    pub fn shared(&self) -> &Context {
        &self.shared
    }

    fn with(&self, own: Map<String, Value>) -> Context {
        self.shared.with(&without_nulls(Value::Object(own)))
    }
}

/// A key without a value is absent, so that strict templates name it instead of printing nothing.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        other => other,
    }
}

fn networks(inventory: &Inventory, plan: &Plan) -> Value {
    let one = |(name, network): (&String, &crate::plan::address::Network)| {
        let mut facts = json!(inventory.networks[name]);
        facts["cidr"] = json!(network.cidr.to_string());
        facts["prefix"] = json!(network.cidr.prefix_len());
        (name.clone(), facts)
    };
    plan.addresses.networks.iter().map(one).collect()
}

fn pools(plan: &Plan) -> Value {
    let one = |(name, pool): (&String, &crate::plan::address::Pool)| {
        let ips: Vec<String> = pool.ranges.iter().map(ToString::to_string).collect();
        (name.clone(), json!({ "ips": ips, "ip": pool.only() }))
    };
    plan.addresses.pools.iter().map(one).collect()
}

fn node(inventory: &Inventory, plan: &Plan, name: &str) -> Value {
    let Some(written) = inventory.nodes.get(name) else { return Value::Null };
    json!({
        "name": name,
        "hostname": written.hostname.as_deref().unwrap_or(name),
        "role": written.role,
        "ip": plan.addresses.nodes.get(name).and_then(|node| node.ip),
        "mac": written.mac,
        "vars": written.vars,
    })
}

fn service(unit: &Unit) -> Value {
    json!({
        "name": unit.service,
        "namespace": unit.namespace,
        "unit": unit.name,
        "release": unit.facets.chart.as_ref().map(|_| unit.release()),
    })
}

/// The inventory's `vars`, over them the service's, over them the phase's.
fn unit_vars(plan: &Plan, unit: &Unit, inventory: &Inventory) -> Value {
    let main = plan.services.get(&unit.service).map(|id| &plan.units[*id].facets.vars);
    let layers = [Some(&inventory.vars), main, Some(&unit.facets.vars)];
    layers.into_iter().flatten().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn host(unit: &Unit) -> Option<Value> {
    let host = unit.host.as_ref()?;
    Some(json!({
        "name": unit.facets.host,
        "fqdn": host.fqdn,
        "url": format!("https://{}", host.fqdn),
        "tls_secret": host.tls_secret,
        "issuer": host.issuer,
    }))
}

fn pool(unit: &Unit) -> Option<Value> {
    let pool = unit.pool.as_ref()?;
    Some(json!({ "name": pool.name, "ip": pool.ip, "annotations": pool.annotations() }))
}

/// Names and keys of the service's Secrets, those of its phases included.
fn secrets(plan: &Plan, unit: &Unit) -> Value {
    let all = plan.family(&unit.service).iter().flat_map(|other| &other.facets.secrets);
    let one = |(name, secret): (&String, &crate::inventory::SecretEntry)| {
        let keys: Map<String, Value> =
            secret.sealed.iter().chain(&secret.external).map(|key| (key.clone(), json!(key))).collect();
        (name.clone(), json!({ "name": name, "keys": keys }))
    };
    all.map(one).collect()
}

/// Facts of every service, with the host and the pool of whichever of its units has one.
fn services(plan: &Plan) -> Value {
    let mut services: Map<String, Value> = Map::new();
    for unit in &plan.units {
        let facts = services.entry(unit.service.clone()).or_insert_with(|| {
            let mut facts = service(unit);
            facts["vars"] = json!(unit.facets.vars);
            facts
        });
        for (key, value) in [("host", host(unit)), ("pool", pool(unit))] {
            if let Some(value) = value
                && facts.get(key).is_none()
            {
                facts[key] = value;
            }
        }
    }
    services.into()
}
