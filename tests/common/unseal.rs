//! Opens sealed values with a private key, as the cluster's controller does. For tests: the tool itself only seals.

use aes_gcm::{Aes256Gcm, Key, KeyInit as _, Nonce, aead::Aead as _};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rsa::{Oaep, RsaPrivateKey, pkcs8::DecodePrivateKey as _};
use sha2::Sha256;

/// The private key of a PKCS#8 PEM text.
pub(crate) fn private_key(pem: &str) -> RsaPrivateKey {
    RsaPrivateKey::from_pkcs8_pem(pem).expect("a PKCS#8 private key")
}

/// The plaintext of a sealed value, if this key and this label open it.
pub(crate) fn unseal(sealed: &str, label: &str, key: &RsaPrivateKey) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(sealed).ok()?;
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (wrapped, encrypted) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let session = key.decrypt(Oaep::new_with_label::<Sha256, _>(label), wrapped).ok()?;
    let cipher = Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(&session));
    cipher.decrypt(&Nonce::default(), encrypted).ok()
}
