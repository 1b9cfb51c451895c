//! The HTTP server.

use std::path::Path;

use annals_engine::Database;

use crate::auth::Access;
use crate::cli::tell_recovery;
use crate::config::Config;
use crate::error::{Failure, Result};

/// Serves the database in `dir` until the process is told to end.
pub(crate) fn serve(config: Config, dir: &Path) -> Result<()> {
    let _access = Access::open(&config)?;
    let database = Database::open(dir, config.engine.options())?;
    tell_recovery(&database);
    database.close()?;
    Err(Failure::new("the HTTP server is not part of this build"))
}
