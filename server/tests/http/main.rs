//! The server as its clients meet it: the real binary is started and spoken to over its socket, one promise a file.
//!
//! `client` and `request` speak HTTP/1.1 byte by byte, so that a client can also be slow, rude or gone; `server` starts the binary
//! and fails a test whose server has told of an error.

#[path = "../common/mod.rs"]
mod common;

mod cancel;
mod client;
mod end;
mod forms;
mod instants;
mod limits;
mod partitions;
mod problems;
mod queries;
mod refusals;
mod request;
mod roles;
mod routes;
mod server;
mod statements;
mod stream;
mod tls;
mod tokens;
