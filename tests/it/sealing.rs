//! Sealing, storing and verifying, from a value to the object in the cluster.

use std::{collections::BTreeMap, fs, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gitopsc::{
    diagnostic::{Diagnostic, Severity},
    secrets::{
        Certificate, Expected, ExpectedKey, Scope, SealLabel, SealedSecret, SealedValue, check_pin, orphaned_secret,
        read_store, seal::OsRng, sealed_secret_object, verify, write_store,
    },
    source::{Place, Sources, Span},
};
use proptest::prelude::*;
use serde_json::json;

use crate::unseal;

const NAMES: [&str; 3] = ["test-only-2048", "test-only-2048-other", "test-only-4096"];

fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sealing").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read_certificate(text: &str) -> (Sources, Result<Certificate, Diagnostic>) {
    let mut sources = Sources::default();
    let source = sources.add("certs/sealed-secrets.pem", text);
    let certificate = Certificate::read(source, text);
    (sources, certificate)
}

fn certificate(name: &str) -> Certificate {
    read_certificate(&fixture(&format!("{name}.pem"))).1.unwrap()
}

fn open(sealed: &str, label: &str, name: &str) -> Option<Vec<u8>> {
    unseal::unseal(sealed, label, &unseal::private_key(&fixture(&format!("{name}.key.pem"))))
}

/// The code, the main place's text and the help of a finding.
fn told<'s>(sources: &'s Sources, finding: &'s Diagnostic) -> (&'static str, &'s str, String) {
    let place = finding.labels.first().map_or("", |label| sources.text(label.place));
    (finding.code.name(), place, finding.help.join("; "))
}

#[test]
fn what_is_sealed_opens_with_its_key_and_its_label_alone() {
    for name in NAMES {
        for scope in Scope::ALL {
            let label = SealLabel::new("attic", "attic-jwt-token", scope);
            let sealed = SealedValue::seal(b"hunter2", "token", &label, &certificate(name), &mut OsRng).sealed;
            let start = if name.ends_with("4096") { "Ag" } else { "AQ" };
            assert!(sealed.starts_with(start), "{sealed}");
            assert_eq!(open(&sealed, &label.text(), name).as_deref(), Some(b"hunter2".as_slice()));
            assert_eq!(open(&sealed, "attic/other", name), None);
        }
    }
    let label = SealLabel::new("attic", "attic-jwt-token", Scope::Strict);
    let sealed = SealedValue::seal(b"", "token", &label, &certificate(NAMES[0]), &mut OsRng).sealed;
    assert_eq!(open(&sealed, &label.text(), NAMES[0]), Some(Vec::new()));
    assert_eq!(open(&sealed, &label.text(), NAMES[1]), None);
}

#[test]
fn sealing_twice_never_gives_the_same_bytes() {
    let label = SealLabel::new("attic", "attic-jwt-token", Scope::Strict);
    let seal = || SealedValue::seal(b"hunter2", "token", &label, &certificate(NAMES[0]), &mut OsRng);
    let (first, second) = (seal(), seal());
    assert_ne!(first.sealed, second.sealed);
    assert_ne!(first.receipt, second.receipt);
    assert_eq!(first.sealed.len(), second.sealed.len());
}

/// `tests/oracle/kubeseal.py --record` wrote these with kubeseal 0.36.6.
#[test]
fn what_kubeseal_sealed_opens_and_verifies() {
    let recorded = fixture("kubeseal.jsonl");
    let mut scopes = BTreeMap::<String, usize>::new();
    for line in recorded.lines() {
        let line: BTreeMap<String, String> = serde_json::from_str(line).unwrap();
        let scope = Scope::find(&line["scope"]).unwrap();
        let label = SealLabel::new(&line["namespace"], &line["name"], scope);
        let name = format!("test-only-{}", line["bits"]);
        let opened = open(&line["sealed"], &label.text(), &name).expect("it opens");
        assert_eq!(STANDARD.encode(opened), line["value"]);

        // The length ours gives is the length kubeseal gives, so both have the same parts.
        let value = STANDARD.decode(&line["value"]).unwrap();
        let ours = SealedValue::seal(&value, &line["key"], &label, &certificate(&name), &mut OsRng);
        assert_eq!(ours.sealed.len(), line["sealed"].len());
        *scopes.entry(line["scope"].clone()).or_default() += 1;
    }
    assert_eq!(scopes.into_values().collect::<Vec<_>>(), [7, 7, 7]);
}

#[test]
fn a_certificate_says_what_it_is() {
    let read = certificate(NAMES[0]);
    // openssl x509 -in test-only-2048.pem -pubkey -noout | openssl pkey -pubin -outform der | sha256sum
    assert_eq!(read.spki(), "sha256:e4539694e1c131798d8d2e63e90eec5e520a1a09c306cf681a2b473ca1878b86");
    assert_eq!((read.modulus_bytes(), read.bits()), (256, 2048));
    assert_eq!((read.subject(), read.serial()), ("CN=gitopsc test only", "10:02"));
    // openssl x509 -in test-only-2048.pem -noout -dates
    assert_eq!(read.not_before().text, "2026-11-21T11:56:51Z");
    assert_eq!(read.not_before().seconds, 1_795_262_211);
    assert_eq!(read.not_after().text, "2126-10-28T11:56:51Z");
    assert_eq!(read.refuse_expired(read.not_after().seconds), None);
    let expired = read.refuse_expired(read.not_after().seconds + 1).unwrap();
    assert_eq!(expired.code.name(), "certificate-expired");
    assert_eq!(expired.message, "the sealing certificate expired at `2126-10-28T11:56:51Z`");
    assert_eq!(certificate(NAMES[2]).modulus_bytes(), 512);
}

#[test]
fn the_first_certificate_of_a_file_counts_whatever_stands_around_it() {
    let (first, second) = (fixture("test-only-2048.pem"), fixture("test-only-2048-other.pem"));
    let both = format!("the cluster's\n{first}\n{second}");
    assert_eq!(read_certificate(&both).1.unwrap().spki(), certificate(NAMES[0]).spki());
    let carriage_returns = first.replace('\n', "\r\n");
    assert_eq!(read_certificate(&carriage_returns).1.unwrap().spki(), certificate(NAMES[0]).spki());
}

#[test]
fn what_cannot_seal_is_refused_with_its_place() {
    let good = fixture("test-only-2048.pem");
    let cut = good.lines().take(5).collect::<Vec<_>>().join("\n");
    let torn = format!("{cut}\n-----END CERTIFICATE-----\n");
    let key = good.clone() + &fixture("test-only-2048.key.pem");
    let begin = "-----BEGIN CERTIFICATE-----";
    for (text, code, place) in [
        (String::new(), "certificate-malformed", ""),
        ("hello\nworld".to_owned(), "certificate-malformed", "hello"),
        (cut, "certificate-malformed", begin),
        (torn, "certificate-malformed", begin),
        (good.replace("MII", "M!I"), "certificate-malformed", begin),
        (fixture("test-only-p256.pem"), "certificate-not-rsa", begin),
        (fixture("test-only-1024.pem"), "certificate-weak", begin),
        (key, "certificate-with-key", "-----BEGIN PRIVATE KEY-----"),
    ] {
        let (sources, read) = read_certificate(&text);
        let finding = read.unwrap_err();
        let (found, at, help) = told(&sources, &finding);
        assert_eq!((found, at), (code, place), "{text}");
        assert!(!help.is_empty());
    }
}

#[test]
fn another_certificate_than_the_pinned_one_is_refused() {
    let mut sources = Sources::default();
    let pins = NAMES.map(|name| certificate(name).spki().to_owned());
    let inventory = sources.add("inventory.toml", format!("[sealing]\nspki = \"{}\"\n", pins[1]));
    let sealing = Place { source: inventory, span: Span::new(0, 9) };
    let pinned = Place { source: inventory, span: Span::new(17, 19 + pins[1].len()) };

    let unpinned = check_pin(&certificate(NAMES[0]), None, sealing).unwrap();
    let help = format!("run `gitopsc cert pin`, which adds `spki = \"{}\"`", pins[0]);
    assert_eq!(told(&sources, &unpinned), ("certificate-unpinned", "[sealing]", help));

    let changed = check_pin(&certificate(NAMES[0]), Some((&pins[1], pinned)), sealing).unwrap();
    let (code, place, _) = told(&sources, &changed);
    assert_eq!((code, place), ("certificate-changed", format!("\"{}\"", pins[1]).as_str()));
    assert!(changed.message.contains(&pins[0]));

    assert_eq!(check_pin(&certificate(NAMES[1]), Some((&pins[1], pinned)), sealing), None);
}

/// A store of two values as `gitopsc seal` writes it, and an inventory that declares them.
struct Case {
    store: String,
    inventory: String,
    namespace: &'static str,
    name: &'static str,
    scope: Scope,
    certificate: Option<Certificate>,
}

const KEYS: [&str; 2] = ["config.yaml", "token"];

impl Case {
    fn new(scope: Scope) -> Case {
        let (namespace, name) = ("attic", "attic-jwt-token");
        let certificate = certificate(NAMES[0]);
        let label = SealLabel::new(namespace, name, scope);
        let mut sealed = SealedSecret::default();
        for key in KEYS {
            sealed.values.insert(key.to_owned(), SealedValue::seal(b"hunter2", key, &label, &certificate, &mut OsRng));
        }
        let store = write_store(&sealed, namespace, name);
        let inventory = "secrets = { attic-jwt-token = { sealed = [\"config.yaml\", \"token\"] } }".to_owned();
        Case { store, inventory, namespace, name, scope, certificate: Some(certificate) }
    }

    /// The findings: code, main place, severity; and every message.
    fn findings(&self) -> (Vec<(&'static str, String)>, Vec<Diagnostic>) {
        let mut sources = Sources::default();
        let inventory = sources.add("inventory.toml", self.inventory.clone());
        let place = |text: &str| {
            let start = self.inventory.find(text).unwrap();
            Place { source: inventory, span: Span::new(start, start + text.len()) }
        };
        let keys: Vec<_> = KEYS
            .into_iter()
            .filter(|key| self.inventory.contains(key))
            .map(|name| ExpectedKey { name, place: place(&format!("\"{name}\"")) })
            .collect();
        let expected = Expected {
            service: "attic",
            label: SealLabel::new(self.namespace, self.name, self.scope),
            place: place("attic-jwt-token"),
            keys: &keys,
            certificate: self.certificate.as_ref(),
        };
        let store = sources.add("secrets/sealed/attic/attic-jwt-token.toml", self.store.clone());
        let (stored, mut found) = read_store(store, &self.store);
        if let Some(stored) = &stored {
            found.extend(verify(Some(stored), &expected));
        }
        let brief =
            found.iter().map(|finding| told(&sources, finding)).map(|(code, place, _)| (code, place.to_owned()));
        (brief.collect(), found)
    }

    fn codes(&self) -> Vec<&'static str> {
        self.findings().0.into_iter().map(|(code, _)| code).collect()
    }

    /// The base64 of a key's value, on one line.
    fn sealed(&self, key: &str) -> String {
        let store = Sources::default().add("x", self.store.clone());
        read_store(store, &self.store).0.unwrap().values[key].value.sealed.clone()
    }
}

const RESEAL_TOKEN: &str = "seal it again: `printf %s \"$VALUE\" | gitopsc seal attic attic-jwt-token token`";
const SEAL_TOKEN: &str = "seal it: `printf %s \"$VALUE\" | gitopsc seal attic attic-jwt-token token`";

#[test]
fn what_was_just_sealed_is_sound_in_every_scope() {
    for scope in Scope::ALL {
        assert_eq!(Case::new(scope).findings().0, []);
    }
}

#[test]
fn a_declared_key_without_a_value_is_missing_with_and_without_a_store() {
    let mut case = Case::new(Scope::Strict);
    case.store = case.store.split("\n[values.token]").next().unwrap().to_owned();
    let (brief, findings) = case.findings();
    assert_eq!(brief, [("sealed-missing", "\"token\"".to_owned())]);
    assert_eq!(findings[0].message, "`token` of `attic/attic-jwt-token` was never sealed");
    assert_eq!(findings[0].help, [SEAL_TOKEN]);
    assert_eq!(findings[0].subject.as_deref(), Some("Secret:attic/attic-jwt-token"));
    case.store.clear();
    assert_eq!(case.codes(), ["sealed-missing", "sealed-missing"]);

    let mut sources = Sources::default();
    let place = Place { source: sources.add("inventory.toml", "x"), span: Span::new(0, 1) };
    let keys = [ExpectedKey { name: "token", place }];
    let label = SealLabel::new("attic", "attic-jwt-token", Scope::Strict);
    let expected = Expected { service: "attic", label, place, keys: &keys, certificate: None };
    let found: Vec<_> = verify(None, &expected).iter().map(|finding| finding.code.name()).collect();
    assert_eq!(found, ["sealed-missing"]);
}

#[test]
fn a_value_in_another_namespace_name_or_scope_has_moved() {
    let mut case = Case::new(Scope::Strict);
    case.namespace = "nix-cache";
    let (brief, findings) = case.findings();
    let place = "\"attic/attic-jwt-token\"".to_owned();
    assert_eq!(brief, [("sealed-moved", place.clone()), ("sealed-moved", place)]);
    assert_eq!(
        findings[1].message,
        "`token` of `nix-cache/attic-jwt-token` was sealed for `attic/attic-jwt-token`, not for `nix-cache/attic-jwt-token`"
    );
    assert_eq!(findings[1].help, [RESEAL_TOKEN]);

    let mut case = Case::new(Scope::Strict);
    case.name = "attic-token";
    assert_eq!(case.codes(), ["sealed-moved", "sealed-moved"]);

    let mut case = Case::new(Scope::NamespaceWide);
    case.scope = Scope::Strict;
    assert_eq!(case.findings().0[0], ("sealed-moved", "\"namespace-wide\"".to_owned()));
}

#[test]
fn a_wide_value_may_move_as_far_as_its_scope_reaches() {
    let mut case = Case::new(Scope::NamespaceWide);
    case.name = "attic-token";
    assert_eq!(case.codes(), [""; 0]);
    case.namespace = "nix-cache";
    assert_eq!(case.codes(), ["sealed-moved", "sealed-moved"]);
    let mut case = Case::new(Scope::ClusterWide);
    (case.namespace, case.name) = ("nix-cache", "attic-token");
    assert_eq!(case.codes(), [""; 0]);
}

#[test]
fn a_value_for_another_public_key_is_refused() {
    for other in [NAMES[1], NAMES[2]] {
        let mut case = Case::new(Scope::Strict);
        let spki = format!("\"{}\"", case.certificate.as_ref().unwrap().spki());
        case.certificate = Some(certificate(other));
        assert_eq!(case.findings().0, [("sealed-certificate", spki.clone()), ("sealed-certificate", spki)]);
        case.certificate = None;
        assert_eq!(case.codes(), [""; 0]);
    }
}

#[test]
fn a_truncated_or_edited_value_is_malformed() {
    let base = Case::new(Scope::Strict);
    let sealed = base.sealed("token");
    let first_line = &sealed[..96];
    let start = base.store.rfind(first_line).unwrap();
    let end = base.store.len() - "\n\"\"\"\n".len();
    for (edited, why) in [
        (sealed[..sealed.len() - 4].to_owned(), "does not match its receipt"),
        (sealed[..sealed.len() - 1].to_owned(), "is not base64"),
        (sealed[..96].to_owned(), "is too short: it was cut off, or is no sealed value"),
        (String::new(), "is too short to be one"),
        ("hunter2!".to_owned(), "is not base64"),
        (sealed.replacen("AQ", "AA", 1), "does not match its receipt"),
        (base.sealed("config.yaml"), "does not match its receipt"),
    ] {
        let mut case = Case::new(Scope::Strict);
        case.store = format!("{}{edited}{}", &base.store[..start], &base.store[end..]);
        let (brief, findings) = case.findings();
        let field = findings[0].message.ends_with("receipt") || brief[0].1 == "sealed";
        assert_eq!((brief.len(), brief[0].0, field), (1, "sealed-malformed", true), "{why}: {brief:?}");
        assert_eq!(findings[0].message, format!("the sealed value of `token` of `attic/attic-jwt-token` {why}"));
        assert_eq!(findings[0].help, [RESEAL_TOKEN]);
    }
}

#[test]
fn swapping_two_keys_is_found_though_the_controller_would_not_notice() {
    let mut case = Case::new(Scope::Strict);
    case.store = case
        .store
        .replace("[values.token]", "[values.x]")
        .replace("\"config.yaml\"]", "token]")
        .replace(".x]", ".\"config.yaml\"]");
    assert_eq!(case.codes(), ["sealed-malformed", "sealed-malformed"]);
}

#[test]
fn every_field_is_under_the_receipt() {
    let base = Case::new(Scope::Strict);
    let other = certificate(NAMES[1]).spki().to_owned();
    for (from, to) in [
        ("scope = \"strict\"", "scope = \"cluster-wide\"".to_owned()),
        ("label = \"attic/attic-jwt-token\"", "label = \"evil/attic-jwt-token\"".to_owned()),
        (base.certificate.as_ref().unwrap().spki(), other),
    ] {
        let mut case = Case::new(Scope::Strict);
        case.store = base.store.replace(from, &to);
        assert_ne!(case.store, base.store);
        assert_eq!(case.codes(), ["sealed-malformed", "sealed-malformed"], "{to}");
    }
}

/// A receipt anybody computed over a value no key made: the structure alone shows it.
#[test]
fn a_forged_receipt_does_not_hide_what_the_public_key_can_show() {
    let own = certificate(NAMES[0]);
    for (bytes, why) in [
        ([vec![0x01, 0x00], vec![0xff; 256], vec![0; 16]].concat(), "cannot come from the pinned public key"),
        ([vec![0x00, 0x10], vec![0x00; 16 + 16]].concat(), "does not have the length the pinned public key gives"),
    ] {
        let mut case = Case::new(Scope::Strict);
        let receipt = receipt("token", own.spki(), &bytes);
        let block = format!(
            "[values.token]\nscope = \"strict\"\nlabel = \"attic/attic-jwt-token\"\nspki = \"{}\"\nreceipt = \"{receipt}\"\nsealed = \"{}\"\n",
            own.spki(),
            STANDARD.encode(bytes),
        );
        case.store = format!("{}\n{block}", case.store.split("\n[values.token]").next().unwrap());
        let (brief, findings) = case.findings();
        assert_eq!(brief.len(), 1, "{brief:?}");
        assert_eq!(findings[0].message, format!("the sealed value of `token` of `attic/attic-jwt-token` {why}"));
    }
}

/// The receipt as its definition has it, written a second time: changing it would invalidate every store there is.
fn receipt(key: &str, spki: &str, sealed: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    let mut text = b"gitopsc sealed value, write-only receipt, 1\0".to_vec();
    for part in [b"strict".as_slice(), b"attic/attic-jwt-token", key.as_bytes(), spki.as_bytes(), sealed] {
        text.extend((part.len() as u64).to_be_bytes());
        text.extend(part);
    }
    format!("sha256:{:x}", Sha256::digest(&text))
}

#[test]
fn a_value_nobody_declares_is_a_warning() {
    let case = Case::new(Scope::Strict);
    let mut sources = Sources::default();
    let store = sources.add("store.toml", case.store.clone());
    let stored = read_store(store, &case.store).0.unwrap();
    let place = Place { source: store, span: Span::new(0, 1) };
    let keys = [ExpectedKey { name: "config.yaml", place }];
    let label = SealLabel::new("attic", "attic-jwt-token", Scope::Strict);
    let expected = Expected { service: "attic", label, place, keys: &keys, certificate: case.certificate.as_ref() };
    let findings = verify(Some(&stored), &expected);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].severity, Severity::Warning);
    let help = "remove the block of `token`, or add `token` to `sealed`".to_owned();
    assert_eq!(told(&sources, &findings[0]), ("sealed-orphan", "token", help));

    let path = "secrets/sealed/attic/attic-jwt-token.toml";
    let whole = orphaned_secret(&stored, "attic", "attic-jwt-token", path);
    assert_eq!(whole.message, "no service declares the sealed Secret `attic/attic-jwt-token`");
    let line = "# gitopsc: sealed values of Secret attic/attic-jwt-token; written by `gitopsc seal`";
    assert_eq!(told(&sources, &whole).1, line);
}

#[test]
fn a_store_that_is_not_one_is_refused_at_its_place() {
    let mut sources = Sources::default();
    for (text, place, message) in [
        ("<<<<<<< HEAD\n[values]\n", None, "the store of sealed values is not TOML"),
        ("[value.x]\n", Some("value"), "`value` does not belong in a store of sealed values"),
        ("[values]\nx = 1\n", Some("1"), "the sealed value of `x` is not a table"),
        (
            "[values.x]\nscope = 1\nlabel = ''\nspki = ''\nreceipt = ''\nsealed = ''\n",
            Some("1"),
            "`scope` of `x` is not a string",
        ),
        (
            "[values.x]\nscope = 'all'\nlabel = ''\nspki = ''\nreceipt = ''\nsealed = ''\n",
            Some("'all'"),
            "`all` is not a scope",
        ),
        (
            "[values.x]\nscope = 'strict'\nlabel = ''\nspki = ''\nsealed = ''\n",
            Some("x"),
            "the sealed value of `x` has no `receipt`",
        ),
    ] {
        let source = sources.add("store.toml", text);
        let (stored, findings) = read_store(source, text);
        assert_eq!(findings.len(), 1, "{text}: {findings:?}");
        let (code, at, _) = told(&sources, &findings[0]);
        assert_eq!(code, "sealed-malformed");
        assert!(findings[0].message.starts_with(message), "{}", findings[0].message);
        match place {
            Some(place) => assert_eq!(at, place),
            None => assert!(stored.is_none()),
        }
        assert!(stored.is_none_or(|stored| stored.values.is_empty()));
    }
}

#[test]
fn a_hostile_store_or_certificate_ends_in_a_finding_at_once() {
    for text in [format!("a = {}", "[".repeat(100_000)), format!("[{}]", vec!["a"; 100_000].join("."))] {
        let (_, findings) = read_store(Sources::default().add("x", text.clone()), &text);
        let codes: Vec<_> = findings.iter().map(|finding| finding.code.name()).collect();
        assert_eq!(codes, ["sealed-malformed"]);
    }
    for text in ["-----BEGIN CERTIFICATE-----\n".repeat(100_000), format!("{}\0", "A".repeat(10_000_000))] {
        assert_eq!(read_certificate(&text).1.unwrap_err().code.name(), "certificate-malformed");
    }
}

/// One cause, one finding: the block is there, so it is damaged and not missing.
#[test]
fn a_damaged_block_is_not_also_missing() {
    let mut case = Case::new(Scope::Strict);
    let start = case.store.rfind("receipt = ").unwrap();
    let end = start + case.store[start..].find('\n').unwrap() + 1;
    case.store.replace_range(start..end, "");
    assert_eq!(case.findings().0, [("sealed-malformed", "token".to_owned())]);
}

#[test]
fn the_object_is_the_one_kubeseal_writes() {
    let value = SealedValue {
        scope: Scope::ClusterWide,
        label: String::new(),
        spki: String::new(),
        receipt: String::new(),
        sealed: "AgBy".to_owned(),
    };
    let sealed = SealedSecret { values: BTreeMap::from([("token".to_owned(), value)]) };
    let object = |scope, secret_type| {
        sealed_secret_object(&sealed, &SealLabel::new("attic", "attic-jwt-token", scope), secret_type)
    };
    // kubeseal 0.36.6 --cert test-only-2048.pem -o json, of a Secret with that annotation.
    let annotated = json!({
        "name": "attic-jwt-token", "namespace": "attic",
        "annotations": { "sealedsecrets.bitnami.com/cluster-wide": "true" },
    });
    assert_eq!(
        object(Scope::ClusterWide, Some("Opaque")),
        json!({
            "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": annotated,
            "spec": { "encryptedData": { "token": "AgBy" }, "template": { "metadata": annotated, "type": "Opaque" } },
        })
    );
    let plain = json!({ "name": "attic-jwt-token", "namespace": "attic" });
    let strict = object(Scope::Strict, None);
    assert_eq!((&strict["metadata"], &strict["spec"]["template"]), (&plain, &json!({ "metadata": plain })));
    let wide = &object(Scope::NamespaceWide, None)["metadata"]["annotations"];
    assert_eq!(wide, &json!({ "sealedsecrets.bitnami.com/namespace-wide": "true" }));
}

fn sealed_values() -> impl Strategy<Value = BTreeMap<String, SealedValue>> {
    let scope = prop::sample::select(Scope::ALL.to_vec());
    let value = (scope, ".{0,30}", "[a-z0-9:]{0,70}", prop::collection::vec(any::<u8>(), 0..600)).prop_map(
        |(scope, label, hash, bytes)| SealedValue {
            scope,
            label,
            spki: hash.clone(),
            receipt: hash,
            sealed: STANDARD.encode(bytes),
        },
    );
    prop::collection::btree_map(".{0,12}", value, 0..5)
}

proptest! {
    #[test]
    fn a_written_store_reads_back_the_same(values in sealed_values()) {
        let sealed = SealedSecret { values };
        let text = write_store(&sealed, "attic", "attic-jwt-token");
        let (stored, findings) = read_store(Sources::default().add("x", text.clone()), &text);
        prop_assert_eq!(findings, vec![]);
        let read = stored.unwrap().sealed();
        prop_assert_eq!(&read, &sealed);
        prop_assert_eq!(write_store(&read, "attic", "attic-jwt-token"), text);
    }

    #[test]
    fn no_text_makes_reading_panic(text in "(\\[values\\.?[a-z\"]{0,4}\\]\n|(scope|label|spki|receipt|sealed) ?= ?.{0,9}\n|.{0,20}\n){0,9}") {
        let source = Sources::default().add("x", text.clone());
        let (stored, findings) = read_store(source, &text);
        prop_assert!(stored.is_some() || !findings.is_empty());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        prop_assert!(Certificate::read(source, &pem).is_err());
    }

    #[test]
    fn a_certificate_with_any_byte_changed_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let pem = fixture("test-only-2048.pem");
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let mut der = STANDARD.decode(body).unwrap();
        let at = at.index(der.len());
        der[at] = byte;
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der));
        if let (_, Ok(read)) = read_certificate(&pem) {
            // Whatever was read can be sealed with.
            let label = SealLabel::new("attic", "attic-jwt-token", Scope::Strict);
            prop_assert!(!SealedValue::seal(b"x", "token", &label, &read, &mut OsRng).sealed.is_empty());
        }
    }
}
