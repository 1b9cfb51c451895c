//! What can be found wrong with a configuration without starting: files that cannot be read or do not fit, and doors left open.

use annals_engine::disk::is_url;

use super::{Config, Resolved};
use crate::auth::{Access, Tokens, tls};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// With these the server does not start.
    pub(crate) problems: Vec<String>,
    /// An operator should look at these.
    pub(crate) warnings: Vec<String>,
}

impl Resolved {
    /// Looks at all that the configuration names. Nothing is written.
    pub(crate) fn inspect(&self) -> Findings {
        let mut findings = Findings::default();
        let config = &self.config;
        match Tokens::open(&config.server.tokens_file) {
            Ok(tokens) => findings.doors(config, &tokens),
            Err(error) => findings.problems.push(error.to_string()),
        }
        if let Some((certificate, key)) = config.server.tls_files()
            && let Err(error) = tls::load(certificate, key)
        {
            findings.problems.push(error.to_string());
        }
        // What is in object storage is looked at when it is used, but by some builds only.
        if let Some(url) = config.server.archive_root.as_deref().filter(|root| is_url(root))
            && !cfg!(feature = "object-store")
        {
            let url = url.display();
            findings.problems.push(format!(
                "server.archive_root: {url} is in object storage: this takes a build with the feature `object-store`"
            ));
        }
        let archive_root = config.server.archive_root.clone().filter(|root| !is_url(root));
        let folders = [
            ("server.archive_root", &archive_root),
            ("ingest.spool_dir", &config.ingest.spool_dir),
        ];
        for (name, path) in folders {
            if let Some(path) = path.as_deref().filter(|path| !path.is_dir()) {
                findings.problems.push(format!("{name}: {} is not a folder", path.display()));
            }
        }
        findings
    }
}

impl Findings {
    fn doors(&mut self, config: &Config, tokens: &Tokens) {
        if let Err(error) = Access::check_listen(config, tokens) {
            self.problems.push(error.to_string());
        }
        self.warnings.extend(tokens.warnings());
        let is_local = config.server.listen.ip().is_loopback();
        if tokens.is_required() && !is_local && config.server.tls_files().is_none() {
            let listen = config.server.listen;
            self.warnings.push(format!(
                "without TLS, tokens that are sent to {listen} can be read by whoever is on the way"
            ));
        }
    }
}
