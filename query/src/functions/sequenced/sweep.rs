//! The sweep: over the ends of periods, group by group and instant by instant.

use annals_engine::{Period, Valid, ValidTime};
use datafusion::common::{Result, exec_err};

use super::answers::Pieces;
use super::state::{Aggregate, Answer};

/// Where the period of a row begins or ends.
#[derive(Clone, Copy)]
struct End {
    at: i64,
    /// The row, shifted left by one; the last bit is set where the period ends.
    code: u32,
}

/// A sweep under way. It gives its pieces by and by, so that a batch of them is all that is ever held.
pub(super) struct Sweep {
    /// Group by group, each in the order of instants.
    ends: Vec<End>,
    /// Where the ends of each group begin, and where the last ones stop: one more than there are groups.
    starts: Vec<usize>,
    pub(super) aggregates: Vec<Aggregate>,
    /// What a group covers that also answers where it has no row: the only group of a query without groups.
    covered: Option<Period<Valid>>,
    group: usize,
    next: usize,
    /// How many rows of the group are valid.
    row_count: usize,
    /// From when on the answers are `answers`; `None` where the group has none.
    since: Option<i64>,
    answers: Vec<Answer>,
    /// The answers from the next instant on: kept to be filled again.
    turned: Vec<Answer>,
}

impl Sweep {
    /// `periods[row]` is a period, never empty, of the group `groups[row]`; `covered` is given if there are no groups but one, which
    /// may have no row.
    pub(super) fn new(
        periods: &[(i64, i64)],
        groups: &[u32],
        group_count: usize,
        aggregates: Vec<Aggregate>,
        covered: Option<Period<Valid>>,
    ) -> Result<Sweep> {
        let (ends, starts) = sorted_ends(periods, groups, group_count);
        let mut sweep = Sweep {
            ends,
            starts,
            covered,
            group: 0,
            next: 0,
            row_count: 0,
            since: None,
            answers: vec![None; aggregates.len()],
            turned: vec![None; aggregates.len()],
            aggregates,
        };
        if let Some(covered) = covered {
            sweep.turn(covered.from().micros(), &mut Pieces::new(0))?;
        }
        Ok(sweep)
    }

    /// The next pieces, at least `row_count` unless they are the last ones; none when all have been given, or when `is_wanted`, which
    /// is asked at every instant, says that nobody waits for them.
    pub(super) fn next_while(
        &mut self,
        row_count: usize,
        is_wanted: &dyn Fn() -> bool,
    ) -> Result<Option<Pieces>> {
        let mut pieces = Pieces::new(self.aggregates.len());
        while self.group + 1 < self.starts.len() && pieces.len() < row_count {
            if !is_wanted() {
                return Ok(None);
            }
            if self.next < self.starts[self.group + 1] {
                let at = self.step();
                self.turn(at, &mut pieces)?;
                continue;
            }
            if let Some(covered) = self.covered {
                self.close(covered.to().micros(), &mut pieces);
            }
            self.group += 1;
        }
        Ok(Some(pieces).filter(|pieces| pieces.len() > 0))
    }

    /// Brings the states over the next instant at which a period begins or ends, and tells it.
    fn step(&mut self) -> i64 {
        let at = self.ends[self.next].at;
        let group_end = self.starts[self.group + 1];
        while self.next < group_end && self.ends[self.next].at == at {
            let code = self.ends[self.next].code;
            let (row, is_end) = ((code >> 1) as usize, code & 1 == 1);
            self.row_count = if is_end { self.row_count - 1 } else { self.row_count + 1 };
            for aggregate in &mut self.aggregates {
                match (aggregate.counts(row), is_end) {
                    (true, false) => aggregate.state.add(row),
                    (true, true) => aggregate.state.remove(row),
                    (false, _) => {}
                }
            }
            self.next += 1;
        }
        at
    }

    /// Asks for the answers from `at` on. If they are others than before, what was before is a piece.
    fn turn(&mut self, at: i64, pieces: &mut Pieces) -> Result<()> {
        if self.row_count == 0 && self.covered.is_none() {
            self.close(at, pieces);
            return Ok(());
        }
        for (aggregate, answer) in self.aggregates.iter().zip(&mut self.turned) {
            let Ok(now) = aggregate.state.answer() else {
                let (name, data_type) = (&aggregate.name, &aggregate.data_type);
                let at = ValidTime::from_micros(at);
                return exec_err!("`{name}` overflows {data_type} at the valid time {at}");
            };
            *answer = now;
        }
        if self.since.is_some() && self.answers == self.turned {
            return Ok(());
        }
        self.close(at, pieces);
        std::mem::swap(&mut self.answers, &mut self.turned);
        self.since = Some(at);
        Ok(())
    }

    /// Ends the piece that has begun, if one has; one that begins where it ends is none.
    fn close(&mut self, at: i64, pieces: &mut Pieces) {
        if let Some(since) = self.since.take().filter(|since| *since < at) {
            pieces.push(self.group as u32, (since, at), &self.answers);
        }
    }
}

/// The ends of all periods by group and instant, and where each group begins.
fn sorted_ends(
    periods: &[(i64, i64)],
    groups: &[u32],
    group_count: usize,
) -> (Vec<End>, Vec<usize>) {
    let mut starts = vec![0; group_count + 1];
    for group in groups {
        starts[*group as usize + 1] += 2;
    }
    for group in 0..group_count {
        starts[group + 1] += starts[group];
    }
    let mut places = starts.clone();
    let mut ends = vec![End { at: 0, code: 0 }; 2 * periods.len()];
    for (row, ((from, to), group)) in (0..).zip(periods.iter().zip(groups)) {
        let place = &mut places[*group as usize];
        ends[*place] = End { at: *from, code: row << 1 };
        ends[*place + 1] = End { at: *to, code: row << 1 | 1 };
        *place += 2;
    }
    for group in 0..group_count {
        ends[starts[group]..starts[group + 1]].sort_unstable_by_key(|end| end.at);
    }
    (ends, starts)
}
