//! Deterministic workloads for Annals, and the figures it reaches on them.

pub mod failure;
pub mod workload;
