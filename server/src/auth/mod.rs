//! Who may come in, as what, and over which connection.
//!
//! * `secret`: what a token is made of, and the hash that is kept of it.
//! * `file`: the file of the hashes, written whole or not at all.
//! * `tokens`: from the header of a request to a name and a role, without a restart when the file changes.
//! * `tls`: certificate and key.
//!
//! A token is shown once, when it is made. No file, error, log or `Debug` has one.

pub(crate) mod file;
mod secret;
pub(crate) mod tls;
mod tokens;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;

use crate::config::Config;
use crate::error::{Failure, Result};
pub(crate) use secret::Secret;
pub(crate) use tokens::{AuthError, Identity, Tokens};

/// The name that whoever came in without a token goes by. No token has it.
pub(crate) const ANONYMOUS: &str = "anonymous";

/// What somebody may do. Each may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub(crate) enum Role {
    /// Ask
    Reader,
    /// Change rows too
    Writer,
    /// Change tables and partitions and erase, too
    Admin,
}

impl Role {
    /// The name of the role, as users write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Role::Reader => "reader",
            Role::Writer => "writer",
            Role::Admin => "admin",
        }
    }

    /// The role of this name.
    pub(crate) fn of_name(name: &str) -> Option<Role> {
        [Role::Reader, Role::Writer, Role::Admin].into_iter().find(|role| role.name() == name)
    }
}

/// The file of tokens of the database in `dir`, where no other is named.
pub(crate) fn tokens_file(dir: &Path) -> PathBuf {
    dir.join("server").join("tokens.toml")
}

/// The doors of a server: its tokens, and TLS where that is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    /// Who may come in.
    pub(crate) tokens: Arc<Tokens>,
    /// How connections are encrypted, if they are.
    pub(crate) tls: Option<Arc<rustls::ServerConfig>>,
}

impl Access {
    /// Reads the tokens, certificate and key that the configuration names, and refuses to leave the server open to a network unless told to.
    pub(crate) fn open(config: &Config) -> Result<Access> {
        let tokens = Tokens::open(&config.server.tokens_file)?;
        Access::check_listen(config, &tokens)?;
        let tls = config.server.tls_files().map(|(certificate, key)| tls::load(certificate, key));
        Ok(Access { tokens: Arc::new(tokens), tls: tls.transpose()? })
    }

    /// Whether the server may listen where it is told to: on loopback always, elsewhere with tokens, or without if that is said.
    pub(crate) fn check_listen(config: &Config, tokens: &Tokens) -> Result<()> {
        let (listen, file) = (config.server.listen, config.server.tokens_file.display());
        if listen.ip().is_loopback() || tokens.is_required() || config.server.allow_anonymous {
            return Ok(());
        }
        Err(Failure::new(format!(
            "listening on {listen} would let everybody in, because there is no tokens file {file}; make a token with \
             `annals token create`, listen on 127.0.0.1, or say --allow-anonymous"
        )))
    }
}

#[cfg(test)]
mod tests;
