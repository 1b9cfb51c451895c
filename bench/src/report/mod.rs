//! What is told of a run: lines for people, a table of the floors, a record for the repository.

mod figures;
mod floors;
mod http;
mod record;
mod sh1;
mod text;

pub use figures::{ByteFigures, Record, SizeFigures};
pub use floors::{Floor, floors};
pub use http::{HttpRecord, http_lines};
pub use record::append;
pub use sh1::{Sh1Record, sh1_lines};
pub use text::{floor_table, machine_line, size_lines};
