//! Deterministic workloads for Annals, and the figures it reaches on them.
//!
//! `annals-bench positions` imports a bitemporal data set of which every byte is a function of its
//! size, asks it six questions as of now and as of the past, holds every answer against an oracle
//! that does not know the engine, and compares the figures with the floors under the design.
//! `docs/benchmarks.md` says what is measured and how.
//!
//! `annals-bench sh1` loads the public workload SH1, whose data and answers have published digests.
//!
//! It is not a comparison with other systems: those have harnesses of their own, which need the
//! same puts and nothing of this crate.

pub mod command;
pub mod failure;
pub mod measure;
pub mod report;
pub mod run;
pub mod workload;
