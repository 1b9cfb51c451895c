//! The floors under the design: an engine that misses one needs another design.
//!
//! They are ratios, or figures for a machine of two cores. Times of scans are the best of several
//! runs, rates of imports the median of several, peaks of memory the greatest.

use serde::{Deserialize, Serialize};

use super::figures::SizeFigures;
use crate::measure::IngestFigures;

const PUTS_PER_SECOND_MIN: f64 = 200_000.0;
const LAST_TENTH_SHARE_MIN: f64 = 0.7;
const NOW_DEPTH_RATIO_MAX: f64 = 1.5;
const PAST_DEPTH_RATIO_MAX: f64 = 2.5;
const GET_US_MAX: f64 = 200.0;
const BYTES_RATIO_MAX: f64 = 1.3;
const IMPORT_MEMORY_BYTES_MAX: f64 = (1_u64 << 30) as f64;
const OPEN_MS_MAX: f64 = 100.0;

/// One floor, and what was reached.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Floor {
    /// What is measured.
    pub figure: String,
    /// What is asked.
    pub floor: String,
    /// What was reached; nothing if the sizes it needs were not run.
    pub reached: Option<String>,
    /// Whether that is enough.
    pub met: Option<bool>,
}

/// The floors, held against the sizes that were run.
pub fn floors(sizes: &[SizeFigures]) -> Vec<Floor> {
    let size = |name: &str| sizes.iter().find(|figures| figures.size == name);
    let (d1, s, d100) = (size("D1"), size("S"), size("D100"));
    let puts = s.map(|s| s.median(|ingest| ingest.puts_per_second));
    let last_tenth = d100.map(|d100| d100.median(IngestFigures::last_tenth_share));
    let memory = d100.and_then(SizeFigures::peak_memory_bytes).map(|bytes| bytes as f64);
    vec![
        at_least("durable puts a second, S", puts, PUTS_PER_SECOND_MIN, whole),
        at_least(
            "puts a second, last tenth / first tenth, D100",
            last_tenth,
            LAST_TENTH_SHARE_MIN,
            times,
        ),
        at_most(
            "Q1 per visible row, D100 / D1",
            depth_ratio("Q1", d100, d1),
            NOW_DEPTH_RATIO_MAX,
            times,
        ),
        at_most(
            "Q2 per visible row, D100 / S",
            depth_ratio("Q2", d100, s),
            PAST_DEPTH_RATIO_MAX,
            times,
        ),
        at_most("Q5 warm p50, S", s.map(|s| s.get.warm_us_p50), GET_US_MAX, micros),
        at_most(
            "bytes / zstd Parquet, D100",
            d100.map(|d| d.bytes.ratio()),
            BYTES_RATIO_MAX,
            times,
        ),
        at_most("peak memory of the import, D100", memory, IMPORT_MEMORY_BYTES_MAX, mebibytes),
        at_most(
            "open after a clean close, D100",
            d100.map(|d| d.open.median_ms),
            OPEN_MS_MAX,
            millis,
        ),
    ]
}

/// How many times longer a visible row of `deep` takes than one of `shallow`.
fn depth_ratio(
    name: &str,
    deep: Option<&SizeFigures>,
    shallow: Option<&SizeFigures>,
) -> Option<f64> {
    Some(deep?.scan(name)?.best_ns_per_row / shallow?.scan(name)?.best_ns_per_row)
}

fn at_least(figure: &str, reached: Option<f64>, floor: f64, show: fn(f64) -> String) -> Floor {
    Floor {
        figure: figure.to_owned(),
        floor: format!(">= {}", show(floor)),
        reached: reached.map(show),
        met: reached.map(|reached| reached >= floor),
    }
}

fn at_most(figure: &str, reached: Option<f64>, floor: f64, show: fn(f64) -> String) -> Floor {
    Floor {
        figure: figure.to_owned(),
        floor: format!("<= {}", show(floor)),
        reached: reached.map(show),
        met: reached.map(|reached| reached <= floor),
    }
}

fn whole(number: f64) -> String {
    format!("{number:.0}")
}

fn times(ratio: f64) -> String {
    format!("{ratio:.2} x")
}

fn micros(us: f64) -> String {
    format!("{us:.1} us")
}

fn millis(ms: f64) -> String {
    format!("{ms:.2} ms")
}

fn mebibytes(bytes: f64) -> String {
    format!("{:.0} MiB", bytes / (1 << 20) as f64)
}
