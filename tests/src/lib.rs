//! What the whole-system tests of Annals share.
//!
//! * [`oracle`]: the contract as a model: the rule in twenty lines, and the versions that follow from it.
//! * [`generate`]: random tables, histories and questions, each from one printed seed.
//! * [`check`]: a database and the model side by side: the same steps are taken on both, the same questions asked of both.
//! * [`prices`]: one small table for tests that tell a story by hand.
//! * [`guests`]: two tables whose values can be found as bytes in files, to be erased.
//! * [`tz`]: the history of the world's time zone offsets, with answers computed independently of it.
//! * [`damage`]: what happens to files that nobody should have touched.
//!
//! The promises themselves are in `tests/tests`, one a file. Everything here panics where a test should fail, and names the
//! seed and the step; nothing here is used by the engine.

pub mod check;
pub mod damage;
pub mod generate;
pub mod guests;
pub mod oracle;
pub mod prices;
pub mod rows;
pub mod scratch;
pub mod tz;
