//! The sealing certificate: the public half of the cluster's key, and the fingerprint the inventory pins.

use sha2::{Digest as _, Sha256};
use x509_parser::{pem::Pem, prelude::*, public_key::PublicKey as Spki, time::ASN1Time};

use super::{seal::PublicKey, sha256_text};
use crate::{
    code,
    diagnostic::Diagnostic,
    source::{Place, SourceId, Span},
};

/// A certificate values can be sealed with.
#[derive(Clone, Debug)]
pub struct Certificate {
    place: Place,
    key: PublicKey,
    spki: String,
    subject: String,
    serial: String,
    not_before: Instant,
    not_after: Instant,
}

/// A moment a certificate names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instant {
    /// Seconds since 1970.
    pub seconds: i64,
    /// The same in the form of RFC 3339, in UTC.
    pub text: String,
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
const FETCH: &str = "fetch it with `kubeseal --fetch-cert`, or take `tls.crt` of the cluster's sealing key";

impl Certificate {
    /// Reads the first certificate of a PEM text, as kubeseal does. Its dates are not judged here: a build must not depend on
    /// the clock; see [`Certificate::refuse_expired`].
    pub fn read(source: SourceId, pem: &str) -> Result<Certificate, Diagnostic> {
        let place = |span| Place { source, span };
        if let Some(span) = private_key(pem) {
            return Err(Diagnostic::new(code!("certificate-with-key"), "the certificate file holds a private key")
                .at(place(span), "")
                .note("whoever reads it can open every value ever sealed for this cluster")
                .help("keep only the part between `BEGIN CERTIFICATE` and `END CERTIFICATE`")
                .help("if the file was ever pushed, make a new sealing key and seal every value again"));
        }
        let (block, span) = first_block(pem).map_err(|(span, message)| malformed(place(span), message))?;
        let Ok((decoded, _)) = Pem::read(std::io::Cursor::new(block.as_bytes())) else {
            return Err(malformed(place(span), "the certificate is not base64"));
        };
        let Ok((rest, parsed)) = parse_x509_certificate(&decoded.contents) else {
            return Err(malformed(place(span), "this is not an X.509 certificate"));
        };
        if !rest.is_empty() {
            return Err(malformed(place(span), "the certificate goes on after its end"));
        }
        Ok(Certificate {
            place: place(span),
            key: public_key(&parsed, place(span))?,
            spki: sha256_text(Sha256::new_with_prefix(parsed.public_key().raw)),
            subject: parsed.subject().to_string(),
            serial: parsed.raw_serial_as_string(),
            not_before: instant(parsed.validity().not_before),
            not_after: instant(parsed.validity().not_after),
        })
    }

    /// The fingerprint of its public key: `sha256:` and the digest of the DER SubjectPublicKeyInfo. It stays the same when the
    /// certificate is renewed for the same key.
    pub fn spki(&self) -> &str {
        &self.spki
    }

    /// The size of its key in bytes: 512 for 4096 bits.
    pub fn modulus_bytes(&self) -> usize {
        self.key.modulus_bytes()
    }

    /// The size of its key in bits.
    pub fn bits(&self) -> usize {
        self.key.bits()
    }

    /// Whom it names; the controller's own certificates name nobody.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Its serial number, bytes in hexadecimal with colons.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// When it begins to hold.
    pub fn not_before(&self) -> &Instant {
        &self.not_before
    }

    /// When it stops to hold: `seal` refuses it then, the cluster still opens what was sealed.
    pub fn not_after(&self) -> &Instant {
        &self.not_after
    }

    /// The finding of sealing with it at this moment (seconds since 1970), if it has expired.
    pub fn refuse_expired(&self, now: i64) -> Option<Diagnostic> {
        (now > self.not_after.seconds).then(|| {
            Diagnostic::new(
                code!("certificate-expired"),
                format!("the sealing certificate expired at `{}`", self.not_after.text),
            )
            .at(self.place, "")
            .note("kubeseal refuses it as well; what was sealed before still opens")
            .help("fetch the current one with `kubeseal --fetch-cert`, then run `gitopsc cert pin`")
        })
    }

    pub(super) fn public_key(&self) -> &PublicKey {
        &self.key
    }
}

/// Compares a certificate with the `[sealing] spki` of the inventory. `sealing` is where to point when nothing is pinned.
pub fn check_pin(certificate: &Certificate, pinned: Option<(&str, Place)>, sealing: Place) -> Option<Diagnostic> {
    match pinned {
        None => Some(
            Diagnostic::new(code!("certificate-unpinned"), "the public key of the sealing certificate is not pinned")
                .at(sealing, "has no `spki`")
                .note("without it, whoever replaces the certificate file reads whatever is sealed next")
                .help(format!("run `gitopsc cert pin`, which adds `spki = \"{}\"`", certificate.spki)),
        ),
        Some((spki, _)) if spki == certificate.spki => None,
        Some((_, place)) => Some(
            Diagnostic::new(
                code!("certificate-changed"),
                format!("the sealing certificate has the public key `{}`, another is pinned", certificate.spki),
            )
            .at(place, "pinned here")
            .at(certificate.place, "the certificate")
            .note("sealing with it would let its owner, whoever that is, read the values")
            .help("put the old certificate back")
            .help("if the cluster has a new sealing key, run `gitopsc cert pin`, then seal every value again"),
        ),
    }
}

/// The line that begins a private key, if there is one.
fn private_key(pem: &str) -> Option<Span> {
    let mut start = 0;
    for line in pem.split_inclusive('\n') {
        let text = line.trim_end();
        if text.trim_start().starts_with("-----BEGIN ") && text.ends_with("PRIVATE KEY-----") {
            return Some(Span::new(start, start + text.len()));
        }
        start += line.len();
    }
    None
}

/// The first certificate of a PEM text and the span of its first line, or where and why there is none.
fn first_block(pem: &str) -> Result<(&str, Span), (Span, &'static str)> {
    let Some(start) = pem.find(BEGIN) else {
        let first_line = pem.lines().next().unwrap_or("").len();
        return Err((Span::new(0, first_line), "the file holds no PEM certificate"));
    };
    let span = Span::new(start, start + BEGIN.len());
    match pem[start..].find(END) {
        Some(length) => Ok((&pem[start..start + length + END.len()], span)),
        None => Err((span, "the certificate has no `-----END CERTIFICATE-----`")),
    }
}

fn malformed(place: Place, message: &str) -> Diagnostic {
    Diagnostic::new(code!("certificate-malformed"), message).at(place, "").help(FETCH)
}

fn public_key(certificate: &X509Certificate<'_>, place: Place) -> Result<PublicKey, Diagnostic> {
    let rsa = match certificate.public_key().parsed() {
        Ok(Spki::RSA(rsa)) => rsa,
        Ok(_) => {
            return Err(Diagnostic::new(code!("certificate-not-rsa"), "the certificate's key is not an RSA key")
                .at(place, "")
                .note("Sealed Secrets encrypts with RSA alone")
                .help(FETCH));
        }
        Err(_) => return Err(malformed(place, "the certificate's public key cannot be read")),
    };
    let negative = rsa.modulus.first().is_none_or(|byte| byte & 0x80 != 0);
    let key = PublicKey::new(rsa.modulus, rsa.exponent)
        .filter(|_| !negative)
        .ok_or_else(|| malformed(place, "the numbers of the certificate's RSA key cannot be a key"))?;
    if key.bits() < PublicKey::LEAST_BITS {
        return Err(Diagnostic::new(
            code!("certificate-weak"),
            format!("the certificate's RSA key has {} bits, {} are the least", key.bits(), PublicKey::LEAST_BITS),
        )
        .at(place, "")
        .note("sealed values are public, so anybody may try to break the key")
        .help("make a sealing key of 4096 bits, the controller's default"));
    }
    Ok(key)
}

fn instant(time: ASN1Time) -> Instant {
    let date = time.to_datetime();
    let text = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        date.hour(),
        date.minute(),
        date.second()
    );
    Instant { seconds: time.timestamp(), text }
}
