//! The history of the world's time zone offsets: 60 releases of the IANA database, and answers computed independently of it.
//!
//! The events are `data-samples/tz/tz_history.csv.gz`. A sample of the truth is in `tests/fixtures/tz`; the whole of it (10,000
//! points) is not part of the repository: the variable `ANNALS_TZ_TRUTH` names its folder. `tests/fixtures/tz/README.md` tells where the answers come from.

mod history;
mod truth;

pub use history::{Release, import, imported, releases, spec};
pub use truth::Truth;

use std::path::{Path, PathBuf};

/// The root of the workspace.
fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// The folder with the whole truth, where there is one.
pub fn whole_truth() -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os("ANNALS_TZ_TRUTH")?);
    folder.join("truth_points.csv").exists().then_some(folder)
}

/// The folder with the sample of the truth.
pub fn sampled_truth() -> PathBuf {
    workspace().join("tests/fixtures/tz")
}
