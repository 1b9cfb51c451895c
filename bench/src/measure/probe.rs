//! Q5 and Q6: one key as of two instants, and the whole history of one key.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use annals_engine::{At, Database, Options, Snapshot, SystemTime, ValidTime, Value};
use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};

use super::answer::rectangles;
use super::durations::{Durations, micros};
use crate::failure::{Failure, Result};
use crate::workload::{Probe, TABLE, Truth};

/// What a look-up took, over all probes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProbeFigures {
    /// The name of the question.
    pub name: String,
    /// How many look-ups each figure is taken over.
    pub probe_count: usize,
    /// The median of the first pass after opening, in microseconds.
    pub first_us_p50: f64,
    /// The 99th percentile of the same.
    pub first_us_p99: f64,
    /// The median of the second pass over the same probes, in microseconds.
    pub warm_us_p50: f64,
    /// The 99th percentile of the same.
    pub warm_us_p99: f64,
}

/// Q5: asks for every probe in the database in `dir`; an error if a row is not the truth.
pub fn get(dir: &Path, truth: &Truth) -> Result<ProbeFigures> {
    measure("Q5", dir, truth, |snapshot, probe| {
        let at = At {
            valid: Some(ValidTime::from_micros(probe.valid)),
            system: Some(SystemTime::from_micros(probe.system)),
        };
        let start = Instant::now();
        let found = snapshot.get(TABLE, &[Value::Int(i64::from(probe.key))], at)?;
        let duration = start.elapsed();
        check_get(probe, truth, found.as_ref())?;
        Ok(duration)
    })
}

/// Q6: the histories of the probed keys in the database in `dir`; an error if one is not the truth.
pub fn history(dir: &Path, truth: &Truth) -> Result<ProbeFigures> {
    measure("Q6", dir, truth, |snapshot, probe| {
        let start = Instant::now();
        let found = snapshot.history(TABLE, &[Value::Int(i64::from(probe.key))])?;
        let duration = start.elapsed();
        check_history(probe, truth, &found)?;
        Ok(duration)
    })
}

fn measure(
    name: &str,
    dir: &Path,
    truth: &Truth,
    mut ask: impl FnMut(&Snapshot, &Probe) -> Result<Duration>,
) -> Result<ProbeFigures> {
    let database = Database::open_existing(dir, Options::default())?;
    let snapshot = database.snapshot()?;
    let mut pass = || {
        let measured: Result<Vec<Duration>> =
            truth.probes.iter().map(|probe| ask(&snapshot, probe)).collect();
        measured.map(Durations::new).map_err(|failure| failure.context(name))
    };
    let (first, warm) = (pass()?, pass()?);
    database.close()?;
    Ok(ProbeFigures {
        name: name.to_owned(),
        probe_count: truth.probes.len(),
        first_us_p50: micros(first.median()),
        first_us_p99: micros(first.quantile(0.99)),
        warm_us_p50: micros(warm.median()),
        warm_us_p99: micros(warm.quantile(0.99)),
    })
}

/// The values must be those of the truth; the periods must hold the instants asked for.
fn check_get(probe: &Probe, truth: &Truth, found: Option<&RecordBatch>) -> Result<()> {
    let found = found.map_or(Ok(Vec::new()), rectangles)?;
    let expect = truth.get(probe);
    let is_right = match (found.as_slice(), expect) {
        ([], None) => true,
        ([row], Some(expect)) => {
            row.is_visible(probe.system, probe.valid)
                && (row.key, row.values) == (expect.key, expect.values)
        }
        _ => false,
    };
    if is_right {
        return Ok(());
    }
    Err(Failure::new(format!("{probe:?}: expected {expect:?}, found {found:?}")))
}

/// The rows must be exactly the rectangles of the truth, in whatever order those of one system
/// start and valid start come.
fn check_history(probe: &Probe, truth: &Truth, found: &RecordBatch) -> Result<()> {
    let found = rectangles(found)?;
    let expect = truth.history(probe.key);
    let (found_set, expect_set): (BTreeSet<_>, BTreeSet<_>) =
        (found.iter().collect(), expect.iter().collect());
    if found.len() == expect.len() && found_set == expect_set {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the history of key {} has {} rows, expected {}; \
         the first that is missing: {:?}; the first that is wrong: {:?}",
        probe.key,
        found.len(),
        expect.len(),
        expect_set.difference(&found_set).next(),
        found_set.difference(&expect_set).next(),
    )))
}
