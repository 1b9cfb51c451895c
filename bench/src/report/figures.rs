//! The shape of a record: what a line of `bench/records/positions.jsonl` holds.

use serde::{Deserialize, Serialize};

use super::floors::Floor;
use crate::measure::{
    ImportFigures, IngestFigures, Machine, OpenFigures, ProbeFigures, ScanFigures,
};

/// One run of the workload.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The name of the workload.
    pub workload: String,
    /// When the run began, in UTC.
    pub began_at: String,
    /// What it ran on.
    pub machine: Machine,
    /// The figures of each size, in the order they were taken.
    pub sizes: Vec<SizeFigures>,
    /// What was asked of the design, and whether it was reached.
    pub floors: Vec<Floor>,
}

/// The figures of one size.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SizeFigures {
    /// The name of the size.
    pub size: String,
    /// How many puts were imported.
    pub put_count: u32,
    /// How many rectangles they resolve to.
    pub rectangle_count: u64,
    /// The import.
    pub import: ImportFigures,
    /// Imports of the same stream into other databases: rates differ from one to the next.
    #[serde(default)]
    pub imports_again: Vec<IngestFigures>,
    /// The bytes it left on disk.
    pub bytes: ByteFigures,
    /// Opening it.
    pub open: OpenFigures,
    /// Q1 to Q4.
    pub scans: Vec<ScanFigures>,
    /// Q5: one key as of two instants.
    pub get: ProbeFigures,
    /// Q6: the whole history of one key.
    pub history: ProbeFigures,
}

impl SizeFigures {
    /// All imports, in the order in which they were done.
    pub fn ingests(&self) -> impl Iterator<Item = &IngestFigures> {
        std::iter::once(&self.import.ingest).chain(&self.imports_again)
    }

    /// The median over all imports; the lower one in the middle if their number is even.
    pub fn median(&self, figure: impl Fn(&IngestFigures) -> f64) -> f64 {
        median(self.ingests().map(figure).collect())
    }

    /// The greatest peak of memory of all imports.
    pub fn peak_memory_bytes(&self) -> Option<u64> {
        self.ingests().map(|ingest| ingest.peak_memory_bytes).max().flatten()
    }

    /// The figures of a question, by its name.
    pub fn scan(&self, name: &str) -> Option<&ScanFigures> {
        self.scans.iter().find(|scan| scan.name == name)
    }
}

/// The middle one of some numbers, of two in the middle the lower; 0 of none.
fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// Bytes on disk after compaction and a clean close.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ByteFigures {
    /// All files in the folder of the database.
    pub database: u64,
    /// The rectangles as one zstd Parquet file, written in the same run.
    pub baseline: u64,
}

impl ByteFigures {
    /// How many times the baseline the database takes.
    pub fn ratio(&self) -> f64 {
        self.database as f64 / self.baseline.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_one_of_the_numbers() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.0);
        assert_eq!(median(Vec::new()), 0.0);
    }
}
