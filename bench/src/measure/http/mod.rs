//! The server under load: closed loops of clients on loopback, each with one connection that stays open.
//!
//! * `server`: the process. `client`: a connection. `load`: clients side by side, and what they met.
//! * `reads`: look-ups of one key and aggregates of a snapshot. `ingest`: bodies of rows.

mod client;
mod ingest;
mod load;
mod reads;
mod server;

pub use ingest::{IngestFormat, ingest};
pub use load::HttpFigures;
pub use reads::reads;
