//! Sealed secrets: values only the cluster can read, sealed by hand and kept in the repository with a receipt.
//!
//! `seal` turns a value into what the cluster's controller opens, exactly as kubeseal does. `store` is the file it is kept
//! in, `verify` proves offline, without any key, that every value is where it was sealed for. Nothing here touches the disk;
//! values come in as bytes, texts go out. Sources that can be decrypted again (SOPS, age) belong beside `store`: their
//! receipt adds a hash of the ciphertext, never one of the plaintext, which could be guessed.

pub mod cert;
pub mod object;
pub mod seal;
pub mod store;
pub mod value;
pub mod verify;

pub use cert::{Certificate, check_pin};
pub use object::sealed_secret_object;
pub use seal::{OsRng, Scope, SealLabel, seal};
pub use store::{SealedSecret, SealedValue, StoredSecret, StoredValue, read_store, store_path, write_store};
pub use value::check_value;
pub use verify::{Expected, ExpectedKey, orphaned_secret, verify};

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// `sha256:` and the digest in hexadecimal, as fingerprints and receipts are written.
fn sha256_text(digest: Sha256) -> String {
    digest.finalize().iter().fold(String::from("sha256:"), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string");
        text
    })
}
