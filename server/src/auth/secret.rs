//! What a token is: `annals_` and 256 random bits. What is kept of it: its SHA-256.
//!
//! A fast hash is enough, because nobody can try out 256 random bits; passwords would need a slow one.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::error::{Failure, Result};

/// What every token begins with, so that scanners for leaked secrets know it.
const PREFIX: &str = "annals_";

/// A token, while it is being made.
pub(crate) struct Secret {
    text: String,
}

/// What is kept of a token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint(pub(super) [u8; 32]);

impl Secret {
    /// A new token. Fails if the system gives no random bytes.
    pub(crate) fn generate() -> Result<Secret> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| Failure::new(format!("the system gives no random bytes: {error}")))?;
        Ok(Secret { text: format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)) })
    }

    /// The token, to be shown to the one who made it.
    pub(crate) fn reveal(&self) -> &str {
        &self.text
    }

    /// What is kept of it.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Fingerprint {
    /// What would be kept of this token.
    pub(super) fn of(token: &str) -> Fingerprint {
        Fingerprint(Sha256::digest(token.as_bytes()).into())
    }

    /// Reads 64 digits.
    pub(super) fn parse(hex: &str) -> Option<Fingerprint> {
        let digits = hex.as_bytes();
        let is_hex = digits.len() == 64 && digits.iter().all(u8::is_ascii_hexdigit);
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(digits.chunks(2)).filter(|_| is_hex) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        is_hex.then_some(Fingerprint(bytes))
    }

    /// 64 digits.
    pub(super) fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint")
    }
}
