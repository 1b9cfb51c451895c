//! Temporal SQL over Annals.

#[allow(dead_code, unused_imports)]
mod functions;
