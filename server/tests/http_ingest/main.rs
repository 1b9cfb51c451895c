//! What must hold when it matters, spoken to over HTTP: rows come in whole or not at all, once, in every form; crashes lose nothing
//! that was answered for; what was answered as of an instant stays the answer.

#[path = "../common/mod.rs"]
mod common;

#[path = "../http/client.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod client;
#[path = "../http/request.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod request;
#[path = "../http/server.rs"]
#[allow(dead_code, reason = "each test binary uses a part")]
mod server;

mod broken;
mod crash;
mod form;
mod forms;
mod keys;
mod limits;
mod meaning;
mod refusals;
mod truth;
