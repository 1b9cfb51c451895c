//! How figures are taken: times, memory and bytes of the engine at work, every answer held against
//! the truth.

mod answer;
mod durations;
mod http;
mod import;
mod load;
mod machine;
mod open;
mod probe;
mod questions;
mod retention;
mod scan;

pub use durations::Durations;
pub use http::{HttpFigures, IngestFormat, ingest, reads};
pub use import::{ImportFigures, IngestFigures, import, import_again};
pub use load::{LoadFigures, load};
pub use machine::{Machine, folder_bytes, peak_memory_bytes};
pub use open::{OpenFigures, open};
pub use probe::{ProbeFigures, get, history};
pub use questions::{QuestionFigures, questions};
pub use retention::{RetentionFigures, retention};
pub use scan::{ScanFigures, scan};
