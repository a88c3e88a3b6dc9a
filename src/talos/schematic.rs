//! Image Factory schematics: what a boot image holds besides Talos, and the ID the factory gives it, computed offline.
//!
//! The ID is the SHA-256 of the schematic as the factory writes it, so this file writes YAML exactly as the factory's
//! library does. The order of lists is the user's: it is part of the ID. An ID is served only once the schematic was
//! registered (`POST /schematics`), which is not done here.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::machine::{LinkId, Network};

/// A schematic.
#[derive(Clone, Debug, Default)]
pub struct Schematic {
    /// What a single-board computer needs.
    pub overlay: Option<Overlay>,
    /// Kernel arguments.
    pub extra_kernel_args: Vec<String>,
    /// Values of the META partition, by key.
    pub meta: Vec<(u8, String)>,
    /// Official system extensions: `siderolabs/qemu-guest-agent`.
    pub extensions: Vec<String>,
    /// `auto`, `sd-boot`, `grub` or `dual-boot`.
    pub bootloader: Option<String>,
    /// Add Microsoft's certificates to the secure boot keys?
    pub include_well_known_certificates: bool,
    /// Sector size of disk images.
    pub sector_size: Option<u32>,
}

/// What a single-board computer needs.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// `siderolabs/sbc-raspberrypi`
    pub image: String,
    /// `rpi_generic`
    pub name: String,
    /// The overlay's own options.
    pub options: Map<String, Value>,
}

/// The META key that holds a machine's network before it has a configuration.
pub const META_NETWORK: u8 = 10;

impl Schematic {
    /// The text the factory hashes.
    pub fn canonical(&self) -> String {
        let mut customization = Map::new();
        if !self.extra_kernel_args.is_empty() {
            customization.insert("extraKernelArgs".to_owned(), json!(self.extra_kernel_args));
        }
        if !self.meta.is_empty() {
            let values: Vec<Value> =
                self.meta.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
            customization.insert("meta".to_owned(), Value::Array(values));
        }
        if !self.extensions.is_empty() {
            customization.insert("systemExtensions".to_owned(), json!({ "officialExtensions": self.extensions }));
        }
        if let Some(bootloader) = &self.bootloader {
            customization.insert("bootloader".to_owned(), json!(bootloader));
        }
        if self.include_well_known_certificates {
            customization.insert("secureboot".to_owned(), json!({ "includeWellKnownCertificates": true }));
        }
        if let Some(size) = self.sector_size {
            customization.insert("diskImage".to_owned(), json!({ "sectorSize": size }));
        }
        let mut root = Map::new();
        if let Some(overlay) = &self.overlay {
            let mut map = Map::new();
            map.insert("image".to_owned(), json!(overlay.image));
            map.insert("name".to_owned(), json!(overlay.name));
            if !overlay.options.is_empty() {
                map.insert("options".to_owned(), Value::Object(sorted(&overlay.options)));
            }
            root.insert("overlay".to_owned(), Value::Object(map));
        }
        root.insert("customization".to_owned(), Value::Object(customization));
        yaml(&Value::Object(root))
    }

    /// Its ID: 64 hexadecimal digits.
    pub fn id(&self) -> String {
        Sha256::digest(self.canonical()).iter().fold(String::new(), |id, byte| format!("{id}{byte:02x}"))
    }

    /// The same without values of META: what the installer image is made from. On an installed machine META stays on
    /// disk, so that all nodes can share one installer.
    #[must_use]
    pub fn without_meta(&self) -> Schematic {
        Schematic { meta: Vec::new(), ..self.clone() }
    }
}

fn sorted(map: &Map<String, Value>) -> Map<String, Value> {
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort();
    keys.into_iter().map(|key| (key.clone(), map[key].clone())).collect()
}

/// The installer image of a schematic: `factory.talos.dev/metal-installer/ID:VERSION`.
pub fn installer_image(factory: &str, platform: &str, secure_boot: bool, id: &str, version: &str) -> String {
    let flavour = if secure_boot { "-secureboot" } else { "" };
    let version = version.trim_start_matches('v');
    format!("{factory}/{platform}-installer{flavour}/{id}:v{version}")
}

/// The network of a machine for [`META_NETWORK`]: its static addresses, links, routes, name and name servers.
///
/// Links found by a selector have no name before the machine runs and are left out; so are VLANs and VIPs, which the
/// machine configuration brings.
pub fn network_meta(hostname: Option<&str>, network: &Network) -> String {
    let mut addresses = Vec::new();
    let mut links = Vec::new();
    let mut routes = Vec::new();
    for link in &network.links {
        let LinkId::Name(name) = &link.id else { continue };
        for address in &link.addresses {
            addresses.push(json!({
                "address": address.to_string(),
                "linkName": name,
                "family": family(address.addr().is_ipv4()),
                "scope": "global",
                "flags": "permanent",
                "layer": "platform",
            }));
        }
        links.push(json!({
            "name": name,
            "logical": false,
            "up": true,
            "mtu": link.mtu.unwrap_or(0),
            "kind": "",
            "type": "ether",
            "layer": "platform",
        }));
        for route in &link.routes {
            let v4 = route
                .gateway
                .map(|gateway| gateway.is_ipv4())
                .or(route.network.map(|network| network.addr().is_ipv4()));
            let everywhere =
                route.network.filter(|network| network.prefix_len() > 0).map(|network| network.to_string());
            routes.push(json!({
                "family": family(v4.unwrap_or(true)),
                "dst": everywhere.unwrap_or_default(),
                "src": route.source.map(|address| address.to_string()).unwrap_or_default(),
                "gateway": route.gateway.map(|address| address.to_string()).unwrap_or_default(),
                "outLinkName": name,
                "table": "main",
                "priority": route.metric.unwrap_or(1024),
                "scope": "global",
                "type": "unicast",
                "flags": "",
                "protocol": "static",
                "layer": "platform",
            }));
        }
    }
    let hostnames: Vec<Value> =
        hostname.iter().map(|name| json!({ "hostname": name, "domainname": "", "layer": "platform" })).collect();
    let mut resolvers = Vec::new();
    if !network.nameservers.is_empty() {
        resolvers.push(json!({ "dnsServers": network.nameservers, "layer": "platform" }));
    }
    let mut root = Map::new();
    let parts = [
        ("addresses", addresses),
        ("links", links),
        ("routes", routes),
        ("hostnames", hostnames),
        ("resolvers", resolvers),
    ];
    for (name, items) in parts {
        if !items.is_empty() {
            root.insert(name.to_owned(), Value::Array(items));
        }
    }
    yaml(&Value::Object(root))
}

fn family(v4: bool) -> &'static str {
    if v4 { "inet4" } else { "inet6" }
}

/// YAML as the factory's library writes it: four spaces, indented lists, plain scalars where they are safe.
fn yaml(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

/// Writes a map or list whose lines start at this column; the cursor is there already.
fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 {
                    out.push_str(&" ".repeat(indent));
                }
                out.push_str(&scalar(key, indent));
                out.push(':');
                nested(value, indent, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(&" ".repeat(indent));
                }
                out.push_str("- ");
                block(item, indent + 2, out);
            }
        }
        _ => {
            out.push_str(&plain(value, indent));
            out.push('\n');
        }
    }
}

fn nested(value: &Value, indent: usize, out: &mut String) {
    let inner = next(indent);
    let empty = match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => true,
    };
    if empty {
        out.push(' ');
        block(value, indent, out);
    } else {
        out.push('\n');
        out.push_str(&" ".repeat(inner));
        block(value, inner, out);
    }
}

/// Indentation goes in steps of four, also below the items of a list, which stand two further.
fn next(indent: usize) -> usize {
    (indent + 4) / 4 * 4
}

fn plain(value: &Value, indent: usize) -> String {
    match value {
        Value::String(text) => scalar(text, indent),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        value => value.to_string(),
    }
}

fn scalar(text: &str, indent: usize) -> String {
    let printable = |letter: char| letter == '\n' || letter == '\t' || !letter.is_control() && letter != '\u{feff}';
    if text.contains('\n') && text.chars().all(printable) && !text.contains(" \n") && !text.ends_with(' ') {
        return literal(text, next(indent));
    }
    if !text.chars().all(|letter| !letter.is_control() && letter != '\u{feff}') || reads_as_something_else(text) {
        return double_quoted(text);
    }
    if is_plain(text) { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

fn literal(text: &str, indent: usize) -> String {
    let body = text.trim_end_matches('\n');
    let chomping = match text.len() - body.len() {
        0 => "-",
        1 if !body.is_empty() => "",
        _ => "+",
    };
    // A first line that starts with space hides where the block starts.
    let hint = if text.starts_with([' ', '\n']) { "4" } else { "" };
    let mut out = format!("|{hint}{chomping}");
    // The library loses a first empty line, and the ID is of what it writes.
    let text = text.strip_prefix('\n').unwrap_or(text);
    if text.is_empty() {
        return out;
    }
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.push_str(&" ".repeat(indent));
            out.push_str(line);
        }
    }
    out
}

fn double_quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{85}' => out.push_str("\\N"),
            '\u{feff}' => out.push_str("\\uFEFF"),
            letter if letter.is_control() => out.push_str(&hexadecimal(letter)),
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}

fn hexadecimal(letter: char) -> String {
    format!("\\x{:02X}", u32::from(letter))
}

/// Would a reader take the plain text for a number, a boolean, nothing or a date?
fn reads_as_something_else(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "", "~", "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE", "y", "Y", "yes", "Yes",
        "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off", "OFF", ".nan", ".NaN", ".NAN", ".inf",
        ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF",
    ];
    WORDS.contains(&text) || is_integer(text) || is_float(text) || is_base_60(text) || is_date(text)
}

fn is_integer(text: &str) -> bool {
    if !text.starts_with(|letter: char| letter.is_ascii_digit() || "+-".contains(letter)) {
        return false;
    }
    let digits = text.replace('_', "");
    let digits = digits.strip_prefix(['+', '-']).unwrap_or(&digits);
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, &digits[2..]),
        Some("0o" | "0O") => (8, &digits[2..]),
        Some("0b" | "0B") => (2, &digits[2..]),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    !digits.is_empty()
        && digits.chars().all(|digit| digit.is_digit(radix))
        && u64::from_str_radix(digits, radix).is_ok()
}

fn is_float(text: &str) -> bool {
    if !text.starts_with(|letter: char| letter.is_ascii_digit() || "+-.".contains(letter)) {
        return false;
    }
    let text = text.replace('_', "");
    let text = text.strip_prefix(['+', '-']).unwrap_or(&text);
    let (number, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !digits.is_empty() && all_digits(digits)
    });
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    exponent_fits && all_digits(whole) && all_digits(fraction) && !(whole.is_empty() && fraction.is_empty())
}

fn is_base_60(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let digit = |byte: u8| byte.is_ascii_digit() || byte == b'_';
    if !first.starts_with(|letter: char| letter.is_ascii_digit()) || !first.bytes().all(digit) || rest.is_empty() {
        return false;
    }
    let last = rest.len() - 1;
    rest.iter().enumerate().all(|(index, part)| {
        let part = match part.split_once('.') {
            Some((part, fraction)) if index == last && fraction.bytes().all(digit) => part,
            Some(_) => return false,
            None => part,
        };
        matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9'])
    })
}

/// `2026-11-21`, `2026-11-21 10:00:00`, `2026-11-21T10:00:00Z`, `2026-11-21T10:00:00+02:00`.
fn is_date(text: &str) -> bool {
    let Some((date, time)) = text.split_once(['T', 't', ' ']) else { return is_short_date(text) };
    if text.contains(' ') {
        return is_short_date(date) && is_time(time);
    }
    let zone = time.find(['Z', '+', '-']).map(|at| time.split_at(at));
    let is_zone = |zone: &str| {
        zone == "Z"
            || zone[1..].len() == 5
                && zone[1..].split_once(':').is_some_and(|(hours, minutes)| is_time(&format!("{hours}:{minutes}:0")))
    };
    is_short_date(date) && zone.is_some_and(|(time, zone)| is_time(time) && is_zone(zone))
}

/// `10:00:00`, with a fraction or without.
fn is_time(text: &str) -> bool {
    let (text, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let parts: Vec<&str> = text.split(':').collect();
    let number = |part: &str, below: u32| {
        (1..=2).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse::<u32>().is_ok_and(|value| value < below)
    };
    matches!(parts.as_slice(), [hour, minute, second] if number(hour, 24) && number(minute, 60) && number(second, 60))
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_short_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let number = |part: &str, low: u32, high: u32| {
        part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse::<u32>().is_ok_and(|value| (low..=high).contains(&value))
    };
    year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit()) && number(month, 1, 12) && number(day, 1, 31)
}

/// Is the text safe without quotes?
fn is_plain(text: &str) -> bool {
    let first = text.chars().next().unwrap_or(' ');
    let second = text.chars().nth(1);
    let starts_badly = "#,[]{}&*!|>'\"%@`".contains(first)
        || "?:-".contains(first) && second.is_none_or(|letter| letter == ' ' || letter == '\t')
        || text.starts_with("---")
        || text.starts_with("...");
    let spaces_outside = text.starts_with(' ') || text.ends_with(' ');
    !starts_badly
        && !spaces_outside
        && !text.contains(": ")
        && !text.ends_with(':')
        && !text.contains(" #")
        && !text.contains('\t')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::talos::machine::{Link, Route};

    fn extensions(names: &[&str]) -> Schematic {
        Schematic { extensions: names.iter().map(|name| (*name).to_owned()).collect(), ..Schematic::default() }
    }

    #[test]
    fn ids_are_those_of_the_image_factory() {
        let overlay = Overlay {
            image: "siderolabs/sbc-raspberrypi".to_owned(),
            name: "rpi_generic".to_owned(),
            options: Map::new(),
        };
        let vectors = [
            (Schematic::default(), "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba"),
            (
                extensions(&["siderolabs/iscsi-tools", "siderolabs/util-linux-tools"]),
                "613e1592b2da41ae5e265e8789429f22e121aab91cb4deb6bc3c0b6262961245",
            ),
            (
                extensions(&["siderolabs/qemu-guest-agent"]),
                "ce4c980550dd2ab1b17bbf2b08801c7eb59418eafe8f279833297925d67c7515",
            ),
            (
                Schematic {
                    extra_kernel_args: vec!["noapic".to_owned(), "nolapic".to_owned()],
                    ..Schematic::default()
                },
                "9cba8e32753f91a16c1837ab8abf356af021706ef284aef07380780177d9a06c",
            ),
            (
                Schematic { meta: vec![(META_NETWORK, "foo".to_owned())], ..Schematic::default() },
                "d308a2a5ee2277bed5fbaa104fcbc8d59122abfa737df987a95b4ca763459a7f",
            ),
            (
                Schematic { include_well_known_certificates: true, ..Schematic::default() },
                "fa8e05f142a851d3ee568eb0a8e5841eaf6b0ebc8df9a63df16ac5ed2c04f3e6",
            ),
            (
                Schematic { sector_size: Some(4096), ..Schematic::default() },
                "92833e9ddd9bb9e11b2464fa5525429f01866306d52ebd882ee08d7918f6d1ea",
            ),
            (
                Schematic { overlay: Some(overlay), ..Schematic::default() },
                "ee21ef4a5ef808a9b7484cc0dda0f25075021691c8c09a276591eedb638ea1f9",
            ),
        ];
        for (schematic, id) in vectors {
            assert_eq!(schematic.id(), id, "{}", schematic.canonical());
        }
    }

    #[test]
    fn the_order_of_extensions_is_part_of_the_id() {
        assert_ne!(extensions(&["a/b", "c/d"]).id(), extensions(&["c/d", "a/b"]).id());
    }

    #[test]
    fn scalars_are_quoted_as_the_factory_does() {
        for (text, expected) in [
            ("net.ifnames=0", "net.ifnames=0"),
            ("-console", "-console"),
            ("-", "'-'"),
            ("true", "\"true\""),
            ("on", "\"on\""),
            ("0755", "\"0755\""),
            ("1e3", "\"1e3\""),
            ("12:30:45", "\"12:30:45\""),
            ("2026-11-21", "\"2026-11-21\""),
            ("a: b", "'a: b'"),
            ("it's: so", "'it''s: so'"),
            ("*", "'*'"),
            ("", "\"\""),
            ("a\tb", "\"a\\tb\""),
        ] {
            assert_eq!(scalar(text, 0), expected);
        }
    }

    #[test]
    fn the_installer_needs_no_meta() {
        let with =
            Schematic { meta: vec![(META_NETWORK, "a: 1\n".to_owned())], ..extensions(&["siderolabs/tailscale"]) };
        assert_ne!(with.id(), with.without_meta().id());
        assert_eq!(with.without_meta().id(), extensions(&["siderolabs/tailscale"]).id());
        assert_eq!(
            installer_image("factory.talos.dev", "metal", false, &extensions(&[]).id(), "v1.11.2"),
            "factory.talos.dev/metal-installer/376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba:v1.11.2"
        );
    }

    #[test]
    fn a_network_in_meta_is_a_literal_block_of_the_schematic() {
        let mut link = Link::named("eth0");
        link.addresses = vec!["10.2.1.1/16".parse().unwrap()];
        link.routes =
            vec![Route { network: None, gateway: "10.2.0.1".parse().ok(), source: None, metric: None, mtu: None }];
        let network =
            Network { links: vec![link], nameservers: vec!["1.1.1.1".parse().unwrap()], ..Network::default() };
        let schematic =
            Schematic { meta: vec![(META_NETWORK, network_meta(Some("node0"), &network))], ..Schematic::default() };
        let expected = "\
customization:
    meta:
        - key: 10
          value: |
            addresses:
                - address: 10.2.1.1/16
                  linkName: eth0
                  family: inet4
                  scope: global
                  flags: permanent
                  layer: platform
            links:
                - name: eth0
                  logical: false
                  up: true
                  mtu: 0
                  kind: \"\"
                  type: ether
                  layer: platform
            routes:
                - family: inet4
                  dst: \"\"
                  src: \"\"
                  gateway: 10.2.0.1
                  outLinkName: eth0
                  table: main
                  priority: 1024
                  scope: global
                  type: unicast
                  flags: \"\"
                  protocol: static
                  layer: platform
            hostnames:
                - hostname: node0
                  domainname: \"\"
                  layer: platform
            resolvers:
                - dnsServers:
                    - 1.1.1.1
                  layer: platform
";
        assert_eq!(schematic.canonical(), expected);
    }
}
