//! Keyed hashes: what stays of a key that was erased.
//!
//! HMAC-SHA256 of the encoded key. With the secret of the database one can tell whether a key that is known was erased; without it the
//! hash says nothing, however few keys there could have been.

use std::fmt;

use hmac::{Hmac, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::Sha256;

use crate::error::{Error, Result};

/// 32 bytes; as text in hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct KeyedHash(pub(crate) [u8; 32]);

/// What makes the keyed hashes of a database its own.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Secret(KeyedHash);

impl Secret {
    /// Bytes that nobody can guess.
    pub(crate) fn new() -> Result<Secret> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|error| {
            Error::unavailable(format!("the operating system gives no random bytes: {error}"))
        })?;
        Ok(Secret(KeyedHash(bytes)))
    }

    /// The same in every run.
    #[cfg(test)]
    pub(crate) fn of(bytes: [u8; 32]) -> Secret {
        Secret(KeyedHash(bytes))
    }

    /// The keyed hash of an encoded key.
    pub(crate) fn hash(&self, key: &[u8]) -> KeyedHash {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0.0);
        let mut mac = mac.expect("a secret of any length will do");
        mac.update(key);
        KeyedHash(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for Secret {
    /// Not a word of it: whoever has it can try out keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl fmt::Display for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for KeyedHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for KeyedHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KeyedHash, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || de::Error::custom(format!("`{text}` is not 64 hexadecimal digits"));
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let digits = &text[2 * at..2 * at + 2];
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(KeyedHash(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_hmac_sha256() {
        // RFC 4231, test case 2, the key padded to 32 bytes with zeros as HMAC itself pads it.
        let mut secret = [0; 32];
        secret[..4].copy_from_slice(b"Jefe");
        let hash = Secret::of(secret).hash(b"what do ya want for nothing?");
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hash.to_string(), expected);
    }

    #[test]
    fn secrets_differ_and_are_not_shown() {
        let (one, other) = (Secret::new().unwrap(), Secret::new().unwrap());
        assert_ne!(one.hash(b"key"), other.hash(b"key"));
        assert_eq!(format!("{one:?}"), "Secret");
        let stored = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<Secret>(&stored).unwrap(), one);
        assert!(serde_json::from_str::<Secret>(r#""ab""#).is_err());
    }
}
