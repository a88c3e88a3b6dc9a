//! Proves offline, without a key and without the clock, that every declared value is sealed for where it will be used.

use super::{
    cert::Certificate,
    seal::SealLabel,
    store::{Parts, StoredSecret, StoredValue},
};
use crate::{code, diagnostic::Diagnostic, source::Place};

/// A Secret as the inventory declares it.
#[derive(Clone, Debug)]
pub struct Expected<'a> {
    /// The service that declares it, as `gitopsc seal` takes it.
    pub service: &'a str,
    /// Its namespace, name and scope.
    pub label: SealLabel,
    /// Where the inventory names it.
    pub place: Place,
    /// Its keys.
    pub keys: &'a [ExpectedKey<'a>],
    /// The certificate whose public key is pinned. None where it could not be read or is not the pinned one, which is a
    /// finding of its own: the values are then not compared with it.
    pub certificate: Option<&'a Certificate>,
}

/// A key of a Secret as the inventory declares it.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct ExpectedKey<'a> {
    pub name: &'a str,
    pub place: Place,
}

/// Compares what is stored with what is declared. `stored` is None where there is no store at all; a store that cannot be read
/// has its own finding and is not to be verified.
pub fn verify(stored: Option<&StoredSecret>, expected: &Expected<'_>) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for key in expected.keys {
        match stored.and_then(|stored| stored.values.get(key.name)) {
            Some(value) => findings.extend(expected.judge(key, value)),
            None if stored.is_some_and(|stored| stored.refused.iter().any(|name| name == key.name)) => {}
            None => findings.push(expected.missing(key)),
        }
    }
    for (key, value) in stored.iter().flat_map(|stored| &stored.values) {
        if !expected.keys.iter().any(|declared| declared.name == key) {
            findings.push(expected.orphan(key, value));
        }
    }
    findings
}

/// The finding of a store whose Secret no service declares.
pub fn orphaned_secret(stored: &StoredSecret, namespace: &str, name: &str, path: &str) -> Diagnostic {
    Diagnostic::new(code!("sealed-orphan"), format!("no service declares the sealed Secret `{namespace}/{name}`"))
        .at(stored.place, "")
        .about(format!("Secret:{namespace}/{name}"))
        .help(format!("remove `{path}`, or declare the Secret under `secrets` of a service in that namespace"))
}

impl Expected<'_> {
    /// The first thing wrong with a value: sealing it again mends whatever else may be.
    fn judge(&self, key: &ExpectedKey<'_>, stored: &StoredValue) -> Option<Diagnostic> {
        let value = &stored.value;
        let parts = match Parts::of(&value.sealed) {
            Ok(parts) => parts,
            Err(why) => return Some(self.malformed(key, stored.sealed_place, why)),
        };
        if value.receipt_of(key.name, &parts.bytes) != value.receipt {
            let finding = self.malformed(key, stored.receipt_place, "does not match its receipt");
            return Some(finding.note("it was cut off, edited by hand, or sealed for another key of the Secret"));
        }
        if value.scope != self.label.scope || value.label != self.label.text() {
            return Some(self.moved(key, stored));
        }
        let certificate = self.certificate?;
        if value.spki != certificate.spki() {
            return Some(self.other_certificate(key, stored, certificate));
        }
        // A receipt can be computed by anybody, so what the public key alone can show is looked at as well.
        if parts.session().len() != certificate.modulus_bytes() {
            return Some(self.malformed(
                key,
                stored.sealed_place,
                "does not have the length the pinned public key gives",
            ));
        }
        if !certificate.public_key().could_have_made(parts.session()) {
            return Some(self.malformed(key, stored.sealed_place, "cannot come from the pinned public key"));
        }
        None
    }

    fn missing(&self, key: &ExpectedKey<'_>) -> Diagnostic {
        let message = format!("`{}` of {} was never sealed", key.name, self.secret());
        let finding = Diagnostic::new(code!("sealed-missing"), message).at(key.place, "");
        finding.about(self.subject()).help(format!("seal it: {}", self.command(key)))
    }

    fn malformed(&self, key: &ExpectedKey<'_>, place: Place, why: &str) -> Diagnostic {
        let message = format!("the sealed value of `{}` of {} {why}", key.name, self.secret());
        let finding = Diagnostic::new(code!("sealed-malformed"), message).at(place, "").at(key.place, "declared here");
        self.mended(finding, key)
    }

    fn moved(&self, key: &ExpectedKey<'_>, stored: &StoredValue) -> Diagnostic {
        let (value, label) = (&stored.value, self.label.text());
        let (place, was, is) = if value.scope == self.label.scope {
            (stored.label_place, value.label.as_str(), label.as_str())
        } else {
            (stored.scope_place, value.scope.name(), self.label.scope.name())
        };
        let message = format!("`{}` of {} was sealed for `{was}`, not for `{is}`", key.name, self.secret());
        let finding = Diagnostic::new(code!("sealed-moved"), message)
            .at(place, "sealed for this")
            .at(self.place, format!("now `{is}`"))
            .note("the controller cannot open it there: `no key could decrypt secret`");
        self.mended(finding, key)
    }

    fn other_certificate(&self, key: &ExpectedKey<'_>, stored: &StoredValue, certificate: &Certificate) -> Diagnostic {
        let message =
            format!("`{}` of {} was sealed for another public key than the pinned one", key.name, self.secret());
        let finding = Diagnostic::new(code!("sealed-certificate"), message)
            .at(stored.spki_place, format!("pinned is `{}`", certificate.spki()))
            .at(key.place, "declared here");
        self.mended(finding, key)
    }

    fn orphan(&self, key: &str, stored: &StoredValue) -> Diagnostic {
        let message = format!("nothing declares the key `{key}` of the sealed Secret {}", self.secret());
        Diagnostic::new(code!("sealed-orphan"), message)
            .at(stored.key_place, "")
            .at(self.place, "declared without it")
            .about(self.subject())
            .note("it is not part of the output")
            .help(format!("remove the block of `{key}`, or add `{key}` to `sealed`"))
    }

    fn mended(&self, finding: Diagnostic, key: &ExpectedKey<'_>) -> Diagnostic {
        finding.about(self.subject()).help(format!("seal it again: {}", self.command(key)))
    }

    fn command(&self, key: &ExpectedKey<'_>) -> String {
        format!("`printf %s \"$VALUE\" | gitopsc seal {} {} {}`", self.service, self.label.name, key.name)
    }

    fn subject(&self) -> String {
        format!("Secret:{}/{}", self.label.namespace, self.label.name)
    }

    fn secret(&self) -> String {
        format!("`{}/{}`", self.label.namespace, self.label.name)
    }
}
