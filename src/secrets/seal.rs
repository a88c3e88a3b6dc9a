//! Sealing one value, byte for byte in the format of kubeseal (v0.36).
//!
//! ```text
//! sealed = base64( u16be(length of R) ‖ R ‖ A )
//! R      = RSA-OAEP(SHA-256, MGF1-SHA-256, public key, K, label)
//! A      = AES-256-GCM(K, nonce of zeros, plaintext)
//! ```
//!
//! K is 32 random bytes, used for this value alone: that is why a nonce of zeros is sound. The label ties the value to a
//! namespace and a name; the key inside the Secret is not part of it.

use std::fmt;

use aes_gcm::{AeadInPlace as _, Aes256Gcm, Key, KeyInit as _, Nonce};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rsa::{BigUint, Oaep, RsaPublicKey, traits::PublicKeyParts as _};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use rsa::rand_core::{CryptoRngCore, OsRng};

use super::cert::Certificate;

/// Where a sealed value may be opened.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Only in the Secret of this namespace and name it was sealed for.
    #[default]
    Strict,
    /// In any Secret of its namespace, so it can be renamed there.
    NamespaceWide,
    /// In any Secret of the cluster: whoever may create a SealedSecret anywhere can read it.
    ClusterWide,
}

impl Scope {
    /// Every scope, the narrowest first.
    pub const ALL: [Scope; 3] = [Scope::Strict, Scope::NamespaceWide, Scope::ClusterWide];

    /// The word for it in the inventory, in stores and in `kubeseal --scope`.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Strict => "strict",
            Scope::NamespaceWide => "namespace-wide",
            Scope::ClusterWide => "cluster-wide",
        }
    }

    /// The scope of this name.
    pub fn find(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// The Secret a value is sealed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealLabel {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How much of the two the value is tied to.
    pub scope: Scope,
}

impl SealLabel {
    /// The label of a Secret.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>, scope: Scope) -> Self {
        SealLabel { namespace: namespace.into(), name: name.into(), scope }
    }

    /// What the value is encrypted with: `namespace/name`, `namespace`, or nothing, by scope.
    ///
    /// The upstream page on its cryptography leaves the `/` out; its code has it.
    pub fn text(&self) -> String {
        match self.scope {
            Scope::Strict => format!("{}/{}", self.namespace, self.name),
            Scope::NamespaceWide => self.namespace.clone(),
            Scope::ClusterWide => String::new(),
        }
    }
}

/// Seals a value for a Secret of the cluster that holds the certificate's private key. Every call gives other bytes.
pub fn seal(plaintext: &[u8], label: &SealLabel, certificate: &Certificate, random: &mut impl CryptoRngCore) -> String {
    let mut session = Zeroizing::new([0u8; 32]);
    random.fill_bytes(session.as_mut_slice());
    let wrapped = certificate.public_key().wrap(session.as_slice(), label.text(), random);

    // The plaintext is copied once, into its final place, and encrypted there: no other copy is left behind.
    let length = u16::try_from(wrapped.len()).expect("the size of the key is limited when it is read");
    let mut sealed = Zeroizing::new(Vec::with_capacity(2 + wrapped.len() + plaintext.len() + TAG));
    sealed.extend_from_slice(&length.to_be_bytes());
    sealed.extend_from_slice(&wrapped);
    let start = sealed.len();
    sealed.extend_from_slice(plaintext);
    let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(session.as_slice()));
    let tag = cipher
        .encrypt_in_place_detached(&Nonce::default(), b"", &mut sealed[start..])
        .expect("a value is far smaller than the 64 GiB AES-GCM can take");
    sealed.extend_from_slice(&tag);
    STANDARD.encode(sealed.as_slice())
}

/// Bytes of the AES-GCM tag at the end of every sealed value.
pub(super) const TAG: usize = 16;

/// The public half of a sealing key.
#[derive(Clone, Debug)]
pub(super) struct PublicKey(RsaPublicKey);

impl PublicKey {
    /// The smallest key accepted, in bits. What is sealed lies in the repository for anybody to work on.
    pub(super) const LEAST_BITS: usize = 2048;
    /// The largest key accepted, in bits.
    pub(super) const MOST_BITS: usize = 16_384;

    /// A key of these big-endian numbers, if they can be one.
    pub(super) fn new(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let (modulus, exponent) = (BigUint::from_bytes_be(modulus), BigUint::from_bytes_be(exponent));
        RsaPublicKey::new_with_max_size(modulus, exponent, Self::MOST_BITS).ok().map(PublicKey)
    }

    pub(super) fn modulus_bytes(&self) -> usize {
        self.0.size()
    }

    pub(super) fn bits(&self) -> usize {
        self.0.n().bits()
    }

    /// Whether these bytes, as a number, are below the modulus, as everything encrypted with this key is.
    pub(super) fn could_have_made(&self, encrypted: &[u8]) -> bool {
        BigUint::from_bytes_be(encrypted) < *self.0.n()
    }

    fn wrap(&self, session: &[u8], label: String, random: &mut impl CryptoRngCore) -> Vec<u8> {
        self.0
            .encrypt(random, Oaep::new_with_label::<Sha256, _>(label), session)
            .expect("32 bytes fit into a key of 2048 bits or more, and smaller ones are refused when read")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_holds_what_its_scope_ties_it_to() {
        let label = |scope| SealLabel::new("attic", "token", scope).text();
        assert_eq!(label(Scope::Strict), "attic/token");
        assert_eq!(label(Scope::NamespaceWide), "attic");
        assert_eq!(label(Scope::ClusterWide), "");
    }

    #[test]
    fn scopes_are_written_as_kubeseal_names_them() {
        for scope in Scope::ALL {
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.name());
            assert_eq!(Scope::find(scope.name()), Some(scope));
        }
        assert_eq!(Scope::find("Strict"), None);
    }
}
