//! Certificate and key, for connections by TLS 1.2 and 1.3 with HTTP/1.1 inside. Clients need no certificate.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{Failure, Result};
use crate::small_file;

/// Reads a chain of certificates, the server's own first, and its key, both PEM, the key as PKCS#8, PKCS#1 or SEC1. An error names the
/// file, and shows nothing of it.
pub(crate) fn load(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>> {
    let text = read(certificate)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let chain = chain.map_err(|error| named(certificate, reason(&error)))?;
    if chain.is_empty() {
        return Err(named(certificate, "there is no certificate in it"));
    }
    let text = read(key)?;
    let private = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| match error {
        pem::Error::NoItemsFound => named(key, "there is no private key in it"),
        error => named(key, reason(&error)),
    })?;
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::new(format!("TLS: {error}")))?;
    let config = builder.with_no_client_auth().with_single_cert(chain, private);
    let mut config = config.map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            named(key, format!("it is not the key of the certificate in {}", certificate.display()))
        }
        rustls::Error::InvalidCertificate(error) => named(certificate, error),
        error => named(key, error),
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read(path: &Path) -> Result<String> {
    small_file::read(path).map_err(|error| named(path, error))
}

fn named(path: &Path, reason: impl std::fmt::Display) -> Failure {
    Failure::new(format!("{}: {reason}", path.display()))
}

/// What is wrong with a PEM file, without quoting it.
fn reason(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section of it has no end",
        pem::Error::IllegalSectionStart { .. } => "a section of it has no beginning",
        pem::Error::Base64Decode(_) => "a section of it is not base64",
        _ => "it is not PEM",
    }
}
