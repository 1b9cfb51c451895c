//! The HTTP server: requests in, answers of the language and the engine out.
//!
//! * `connection`, `patience`: accept, TLS, how long a client is waited for, the end of the server.
//! * `router`, `description`: which request is answered by what, and the description of it.
//! * `observe`, `access`, `gate`: what every request passes: its id and counters, who asks, whether it is its turn.
//! * `routes`: the handlers, one file a subject. `extract`, `parameters`, `body`: what they read; `headers`, `answer`, `problem`: what they answer.
//! * `statements`, `change`, `record`, `audit`: the statements of a request, those that change something, and what is kept on record.
//!
//! A request is one session: nothing of it is left when it has been answered. Whatever takes time or memory passes the gate
//! first and holds its place until its last byte is computed.

mod access;
mod answer;
mod audit;
mod body;
mod change;
mod connection;
mod description;
mod extract;
mod gate;
mod headers;
mod metrics;
mod observe;
mod open_files;
mod parameters;
mod patience;
mod problem;
mod record;
mod router;
mod routes;
mod server;
mod state;
mod statements;

pub(crate) use server::serve;
