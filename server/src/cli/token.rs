//! `annals token`: who may use the HTTP server.
//!
//! The database may be in use by a running server, so its lock is not taken: only the file of tokens is changed, which the server
//! follows.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use annals_engine::Database;
use annals_engine::arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
use clap::{Args, Subcommand};
use jiff::Timestamp;

use crate::auth::file::{self, Entry};
use crate::auth::{Role, Secret, tokens_file};
use crate::disk;
use crate::error::{Failure, Result};
use crate::output::{self, Format, Shape, Writer};

/// Make, list and revoke tokens of the HTTP server
///
/// A running server follows within a second. Once there is a tokens file, every request must bring a token.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  annals token create -d db --role writer --name loader --expires-days 90 > loader.token
  annals token list -d db
  annals token revoke -d db loader")]
pub(crate) struct Token {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

/// Make a token, and print it: it is not kept, only its hash is
#[derive(Args, Debug)]
struct Create {
    #[command(flatten)]
    place: TokensPlace,

    /// What its bearer may do
    #[arg(long, value_enum)]
    role: Role,

    /// Whose it is, as records and lists show it
    #[arg(long, value_name = "NAME")]
    name: String,

    /// It lets nobody in after so many days
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    expires_days: Option<u32>,
}

/// List the tokens, without what only their bearers have
#[derive(Args, Debug)]
struct List {
    #[command(flatten)]
    place: TokensPlace,

    /// The form of the list
    #[arg(long, value_enum)]
    format: Option<Format>,
}

/// Revoke a token: it lets nobody in any more
#[derive(Args, Debug)]
struct Revoke {
    #[command(flatten)]
    place: TokensPlace,

    /// The name of the token
    #[arg(value_name = "NAME")]
    name: String,
}

/// Which file.
#[derive(Args, Debug)]
struct TokensPlace {
    /// The folder of the database, made if it is missing
    #[arg(short = 'd', long = "dir", value_name = "DIR", env = "ANNALS_DIR")]
    #[arg(required_unless_present = "tokens_file")]
    dir: Option<PathBuf>,

    /// The file of tokens, if it is not the one in the folder of the database
    #[arg(long, value_name = "FILE", env = "ANNALS_TOKENS_FILE")]
    tokens_file: Option<PathBuf>,
}

impl Token {
    /// Runs the command.
    pub(crate) fn run(self) -> Result<()> {
        match self.command {
            TokenCommand::Create(create) => create.run(),
            TokenCommand::List(list) => list.run(),
            TokenCommand::Revoke(revoke) => revoke.run(),
        }
    }
}

impl Create {
    fn run(self) -> Result<()> {
        let secret = Secret::generate()?;
        let (name, now) = (self.name.as_str(), Timestamp::now());
        let entry = Entry::new(name, self.role, secret.fingerprint(), now, self.expires_days)?;
        let expires = entry.expires;
        let path = self.place.of_database()?;
        file::update(&path, |entries| {
            if entries.iter().any(|other| other.name == name) {
                let path = path.display();
                return Err(Failure::new(format!("{path} has a token `{name}`: revoke it first")));
            }
            entries.push(entry);
            Ok(())
        })?;
        let mut stdout = std::io::stdout().lock();
        let shown = writeln!(stdout, "{}", secret.reveal()).and_then(|()| stdout.flush());
        shown.map_err(|error| {
            Failure::new(format!(
                "the token `{name}` was made and could not be printed, revoke it: {error}"
            ))
        })?;
        let role = self.role.name();
        let end = expires.map_or("never".to_owned(), |expires| expires.to_string());
        eprintln!("token `{name}`: role {role}, expires {end}; it is shown this once");
        Ok(())
    }
}

impl List {
    fn run(self) -> Result<()> {
        let entries = file::read(&self.place.path())?;
        let texts = |text: fn(&Entry) -> &str| -> ArrayRef {
            Arc::new(entries.iter().map(|entry| Some(text(entry))).collect::<StringArray>())
        };
        let instants = |instant: fn(&Entry) -> Option<Timestamp>| -> ArrayRef {
            let micros = entries.iter().map(|entry| Some(instant(entry)?.as_microsecond()));
            Arc::new(TimestampMicrosecondArray::from_iter(micros).with_timezone("UTC"))
        };
        let rows = RecordBatch::try_from_iter_with_nullable([
            ("name", texts(|entry| &entry.name), false),
            ("role", texts(|entry| entry.role.name()), false),
            ("created", instants(|entry| Some(entry.created)), false),
            ("expires", instants(|entry| entry.expires), true),
        ])?;
        let format = Format::of_stdout(self.format);
        let mut writer = Writer::new(format, Shape::plain(rows.schema()), output::stdout())?;
        writer.write(&rows)?;
        writer.finish()
    }
}

impl Revoke {
    fn run(self) -> Result<()> {
        let (path, name) = (self.place.path(), self.name.as_str());
        let missing = || Failure::new(format!("{} has no token `{name}`", path.display()));
        // Otherwise an empty file would be made, which lets nobody in.
        if !path.exists() {
            return Err(missing());
        }
        let left = file::update(&path, |entries| {
            let before = entries.len();
            entries.retain(|entry| entry.name != name);
            if entries.len() == before { Err(missing()) } else { Ok(entries.len()) }
        })?;
        eprintln!("token `{name}` is revoked; {left} left");
        Ok(())
    }
}

impl TokensPlace {
    fn path(&self) -> PathBuf {
        match (&self.tokens_file, &self.dir) {
            (Some(path), _) => path.clone(),
            (None, dir) => tokens_file(dir.as_deref().unwrap_or(".".as_ref())),
        }
    }

    /// The same; a database whose folder is to have the file is made if it is missing, because it is not made in a folder with files.
    fn of_database(&self) -> Result<PathBuf> {
        if let (None, Some(dir)) = (&self.tokens_file, &self.dir)
            && !dir.join("manifest").exists()
        {
            Database::open(dir, disk::options())?.close()?;
        }
        Ok(self.path())
    }
}
