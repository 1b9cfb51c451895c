//! How long a database takes to open after a clean close.

use std::path::Path;
use std::time::{Duration, Instant};

use annals_engine::{Database, Options};
use serde::{Deserialize, Serialize};

use super::durations::{Durations, millis};
use crate::failure::Result;

const OPEN_COUNT: usize = 5;

/// What opening took, over five times.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OpenFigures {
    /// The median, in milliseconds.
    pub median_ms: f64,
    /// The longest, in milliseconds.
    pub max_ms: f64,
}

/// Opens and cleanly closes the database in `dir` again and again.
pub fn open(dir: &Path) -> Result<OpenFigures> {
    let mut measured: Vec<Duration> = Vec::with_capacity(OPEN_COUNT);
    for _ in 0..OPEN_COUNT {
        let start = Instant::now();
        let database = Database::open_existing(dir, Options::default())?;
        measured.push(start.elapsed());
        database.close()?;
    }
    let durations = Durations::new(measured);
    let (median, max) = (durations.median(), durations.quantile(1.0));
    Ok(OpenFigures { median_ms: millis(median), max_ms: millis(max) })
}
