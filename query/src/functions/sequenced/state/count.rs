//! How many rows there are.

use super::{Answer, Overflow, State};

#[derive(Default)]
pub(super) struct Count {
    row_count: i64,
}

impl State for Count {
    fn add(&mut self, _: usize) {
        self.row_count += 1;
    }

    fn remove(&mut self, _: usize) {
        self.row_count -= 1;
    }

    fn answer(&self) -> Result<Answer, Overflow> {
        Ok(Some(self.row_count.into()))
    }
}
