//! The file a Secret's sealed values are kept in: `secrets/sealed/<namespace>/<name>.toml`.
//!
//! ```toml
//! # gitopsc: sealed values of Secret attic/attic-jwt-token; written by `gitopsc seal`
//!
//! [values.token]
//! scope = "strict"
//! label = "attic/attic-jwt-token"
//! spki = "sha256:…"
//! receipt = "sha256:…"
//! sealed = """
//! AgBy3i4OJSWK+PiTySYZZA9rO43cGDEq…
//! """
//! ```
//!
//! Every value is a block of its own, sorted by key, so that two branches that seal different keys merge. There is no date:
//! git knows it, and it would change when nothing else does.
//!
//! The receipt is a digest of what the value was sealed for (scope, label, key, public key) and of the sealed bytes. It
//! shows what no longer fits together; it proves nobody's authorship, as anybody can compute one. Nothing in it comes from the
//! plaintext: a digest of a weak password is the password.

use std::{collections::BTreeMap, fmt::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{
    cert::Certificate,
    seal::{CryptoRngCore, Scope, SealLabel, TAG, seal},
    sha256_text,
};
use crate::{
    code,
    diagnostic::{Diagnostic, nearest},
    source::{Place, SourceId, Span},
};

/// The sealed values of one Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealedSecret {
    /// By key of the Secret.
    pub values: BTreeMap<String, SealedValue>,
}

/// One sealed value with its receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedValue {
    /// The scope it was sealed with.
    pub scope: Scope,
    /// The label it was sealed for, by scope: `namespace/name`, `namespace` or nothing.
    pub label: String,
    /// The fingerprint of the public key it was sealed with.
    pub spki: String,
    /// The digest that holds all of this together.
    pub receipt: String,
    /// The value as kubeseal would print it, base64 on one line.
    pub sealed: String,
}

impl SealedValue {
    /// Seals a value for a key of a Secret and writes its receipt.
    pub fn seal(
        plaintext: &[u8],
        key: &str,
        label: &SealLabel,
        certificate: &Certificate,
        random: &mut impl CryptoRngCore,
    ) -> SealedValue {
        let mut value = SealedValue {
            scope: label.scope,
            label: label.text(),
            spki: certificate.spki().to_owned(),
            receipt: String::new(),
            sealed: seal(plaintext, label, certificate, random),
        };
        let bytes = STANDARD.decode(&value.sealed).expect("it was encoded just now");
        value.receipt = value.receipt_of(key, &bytes);
        value
    }

    /// The receipt these fields and sealed bytes have as a value of this key.
    pub(super) fn receipt_of(&self, key: &str, sealed: &[u8]) -> String {
        let parts = [self.scope.name().as_bytes(), self.label.as_bytes(), key.as_bytes(), self.spki.as_bytes(), sealed];
        let mut digest = Sha256::new_with_prefix(b"gitopsc sealed value, write-only receipt, 1\0");
        for part in parts {
            // With its length in front no part can borrow from its neighbour.
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        sha256_text(digest)
    }
}

/// A store as it was read.
#[derive(Clone, Debug)]
pub struct StoredSecret {
    /// The file's first line.
    pub place: Place,
    /// By key of the Secret.
    pub values: BTreeMap<String, StoredValue>,
    /// Keys whose blocks were refused when read, and are therefore not missing.
    pub refused: Vec<String>,
}

/// A sealed value as it was read.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the other names say it all")]
pub struct StoredValue {
    pub value: SealedValue,
    pub key_place: Place,
    pub scope_place: Place,
    pub label_place: Place,
    pub spki_place: Place,
    pub receipt_place: Place,
    /// The name of the field: the value itself fills many lines.
    pub sealed_place: Place,
}

impl StoredSecret {
    /// The values without their places, to seal more and write them back.
    pub fn sealed(&self) -> SealedSecret {
        SealedSecret { values: self.values.iter().map(|(key, stored)| (key.clone(), stored.value.clone())).collect() }
    }
}

/// Where the store of a Secret lies below the repository's root. Both names have been checked to be Kubernetes names.
pub fn store_path(namespace: &str, name: &str) -> String {
    format!("secrets/sealed/{namespace}/{name}.toml")
}

/// Characters of base64 in a line of a store.
const LINE: usize = 96;

/// The text of a store. The same values give the same bytes.
pub fn write_store(sealed: &SealedSecret, namespace: &str, name: &str) -> String {
    let mut text = format!("# gitopsc: sealed values of Secret {namespace}/{name}; written by `gitopsc seal`\n");
    for (key, value) in &sealed.values {
        let key = toml_edit::Key::new(key.as_str());
        let key = key.display_repr();
        let label = toml_edit::Value::from(value.label.as_str());
        let SealedValue { scope, spki, receipt, .. } = value;
        write!(
            text,
            "\n[values.{key}]\nscope = \"{scope}\"\nlabel = {label}\nspki = \"{spki}\"\nreceipt = \"{receipt}\"\nsealed = \"\"\"\n"
        )
        .expect("writing to a string");
        for line in value.sealed.as_bytes().chunks(LINE) {
            text.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
            text.push('\n');
        }
        text.push_str("\"\"\"\n");
    }
    text
}

/// Reads a store. What is not TOML gives no store; a block that is not a sealed value is left out and found.
pub fn read_store(source: SourceId, text: &str) -> (Option<StoredSecret>, Vec<Diagnostic>) {
    let mut reader = Reader { source, findings: Vec::new() };
    let table = match DeTable::parse(text) {
        Ok(table) => table,
        Err(error) => {
            let span = error.span().unwrap_or(0..0);
            let message = format!("the store of sealed values is not TOML: {}", error.message().trim());
            let finding = malformed(reader.place(span), message)
                .help("where git left its conflict marks, keep the blocks of both sides")
                .help("otherwise take the file back from git: `gitopsc seal` alone writes it");
            return (None, vec![finding]);
        }
    };
    let first_line = text.lines().next().unwrap_or("").len();
    let mut stored = StoredSecret { place: reader.place(0..first_line), values: BTreeMap::new(), refused: Vec::new() };
    for (key, value) in table.get_ref() {
        match value.get_ref() {
            DeValue::Table(values) if key.get_ref() == "values" => reader.values(values, &mut stored),
            _ => reader.unknown(key.get_ref(), key.span(), &["values"]),
        }
    }
    (Some(stored), reader.findings)
}

const FIELDS: [&str; 5] = ["scope", "label", "spki", "receipt", "sealed"];

struct Reader {
    source: SourceId,
    findings: Vec<Diagnostic>,
}

impl Reader {
    fn place(&self, span: std::ops::Range<usize>) -> Place {
        Place { source: self.source, span: Span::new(span.start, span.end) }
    }

    fn unknown(&mut self, key: &str, span: std::ops::Range<usize>, known: &[&str]) {
        let mut finding = malformed(self.place(span), format!("`{key}` does not belong in a store of sealed values"));
        if let Some(near) = nearest(key, known.iter().copied()) {
            finding = finding.help(format!("did you mean `{near}`?"));
        }
        self.findings.push(finding);
    }

    fn values(&mut self, values: &DeTable<'_>, stored: &mut StoredSecret) {
        for (key, value) in values {
            match self.value(key.get_ref(), self.place(key.span()), value) {
                Some(value) => _ = stored.values.insert(key.get_ref().to_string(), value),
                None => stored.refused.push(key.get_ref().to_string()),
            }
        }
    }

    fn value(&mut self, key: &str, key_place: Place, value: &Spanned<DeValue<'_>>) -> Option<StoredValue> {
        let Some(fields) = value.get_ref().as_table() else {
            let place = self.place(value.span());
            self.findings.push(malformed(place, format!("the sealed value of `{key}` is not a table")));
            return None;
        };
        for field in fields.keys().filter(|field| !FIELDS.contains(&field.get_ref().as_ref())) {
            self.unknown(field.get_ref(), field.span(), &FIELDS);
        }
        // All five are read before the first `?`, so that one run finds all that is wrong.
        let read = FIELDS.map(|field| self.text(key, key_place, fields, field));
        let [Some(scope), Some(label), Some(spki), Some(receipt), Some(sealed)] = read else { return None };
        let Some(known_scope) = Scope::find(scope.0) else {
            let names = Scope::ALL.map(Scope::name).join("`, `");
            let message = format!("`{}` is not a scope", scope.0);
            self.findings.push(malformed(scope.1, message).help(format!("the scopes are `{names}`")));
            return None;
        };
        let value = SealedValue {
            scope: known_scope,
            label: label.0.to_owned(),
            spki: spki.0.to_owned(),
            receipt: receipt.0.to_owned(),
            sealed: sealed.0.split_ascii_whitespace().collect(),
        };
        Some(StoredValue {
            value,
            key_place,
            scope_place: scope.1,
            label_place: label.1,
            spki_place: spki.1,
            receipt_place: receipt.1,
            sealed_place: sealed.1,
        })
    }

    fn text<'t>(
        &mut self,
        key: &str,
        key_place: Place,
        fields: &'t DeTable<'_>,
        field: &str,
    ) -> Option<(&'t str, Place)> {
        let Some((name, value)) = fields.get_key_value(field) else {
            let message = format!("the sealed value of `{key}` has no `{field}`");
            self.findings.push(malformed(key_place, message).help("seal it again with `gitopsc seal`"));
            return None;
        };
        let place = self.place(value.span());
        let Some(text) = value.get_ref().as_str() else {
            self.findings.push(malformed(place, format!("`{field}` of `{key}` is not a string")));
            return None;
        };
        Some((text, if field == "sealed" { self.place(name.span()) } else { place }))
    }
}

fn malformed(place: Place, message: impl Into<String>) -> Diagnostic {
    Diagnostic::new(code!("sealed-malformed"), message).at(place, "")
}

/// The parts of a sealed value.
#[derive(Debug)]
pub(super) struct Parts {
    /// All of it.
    pub(super) bytes: Vec<u8>,
    /// Where the encrypted session key ends; it begins at 2.
    session_end: usize,
}

impl Parts {
    /// Takes a sealed value apart, or says what is wrong with it.
    pub(super) fn of(sealed: &str) -> Result<Parts, &'static str> {
        let bytes = STANDARD.decode(sealed).map_err(|_| "is not base64")?;
        let [high, low, rest @ ..] = bytes.as_slice() else { return Err("is too short to be one") };
        let session = usize::from(u16::from_be_bytes([*high, *low]));
        if rest.len() < session + TAG {
            return Err("is too short: it was cut off, or is no sealed value");
        }
        Ok(Parts { session_end: 2 + session, bytes })
    }

    /// The session key, encrypted with RSA.
    pub(super) fn session(&self) -> &[u8] {
        &self.bytes[2..self.session_end]
    }
}
