//! Runs of the workloads, from nothing to the figures.

mod http;
mod positions;
mod retention;
mod scratch;
mod sh1;

pub use http::{HTTP_RECORD_FILE, http};
pub use positions::{POSITIONS_RECORD_FILE, positions, positions_import};
pub use retention::{RETENTION_RECORD_FILE, retention};
pub use sh1::{SH1_RECORD_FILE, sh1};
