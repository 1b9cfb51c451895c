//! The steps of a random history: transactions, the clock, and everything that must change no answer.

use super::alter::{Alteration, draw_alteration};
use super::rng::Rng;
use super::shape::Shape;
use crate::rows::Row;

/// The instants that a history is about: `count` of them, `width` apart.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// The first instant.
    pub start: i64,
    /// Microseconds from one instant to the next.
    pub width: i64,
    /// How many instants.
    pub count: i64,
}

impl Grid {
    /// From 2024 on, with a width and a length of the generator's choice.
    pub fn draw(rng: &mut Rng) -> Grid {
        const HOUR: i64 = 3_600_000_000;
        let width = *rng.pick(&[1, HOUR / 2, 7 * HOUR, 24 * HOUR, 31 * 24 * HOUR]);
        Grid { start: 1_704_067_200_000_000, width, count: rng.within(12..=48) }
    }

    /// An instant of the grid, sometimes a microsecond beside it.
    pub fn draw_instant(&self, rng: &mut Rng) -> i64 {
        let beside = *rng.pick(&[0, 0, 0, 0, 0, 0, -1, 1]);
        self.start + rng.within(0..=self.count) * self.width + beside
    }
}

/// A put or a delete.
#[derive(Clone, Debug)]
pub struct Change {
    /// The position of the table among the shapes.
    pub table: usize,
    /// The key columns; for events the label.
    pub key: Row,
    /// All columns of a put; `None` for a delete.
    pub row: Option<Row>,
    /// The valid period; `None` leaves the choice to the engine (from the transaction's system time on, unbounded).
    pub valid: Option<(i64, i64)>,
}

/// One step of a history.
#[derive(Clone, Debug)]
pub enum Step {
    /// A transaction, with a system time of its own if it is an import.
    Commit(Vec<Change>, Option<i64>),
    /// A transaction that is given up before its commit.
    Rollback(Vec<Change>),
    /// The clock is set, perhaps back.
    SetClock(i64),
    /// A snapshot is taken and kept, to be asked again later.
    Pin,
    /// The columns of a table are changed.
    Alter(usize, Alteration),
    /// Keys of a table (for events labels) are erased.
    Erase(usize, Vec<Row>),
    /// A column of a table gets an index, or loses the one it has.
    Index(usize, &'static str),
    /// Memtables become segments.
    Flush,
    /// One step of background work.
    Maintain,
    /// Everything goes into its final partition.
    Compact,
    /// The database is closed and opened.
    Reopen,
    /// The database is dropped as it is and opened.
    Crash,
}

/// What the generator has to know of the world to draw a step that the engine must accept.
#[derive(Debug)]
pub struct Situation<'a> {
    /// The tables.
    pub shapes: &'a [Shape],
    /// The instants.
    pub grid: Grid,
    /// What the clock shows.
    pub now: i64,
    /// The last system time of each table.
    pub last: Vec<Option<i64>>,
    /// The labels of the events there are.
    pub labels: i64,
}

/// Draws the next step.
pub fn draw_step(rng: &mut Rng, at: &Situation<'_>) -> Step {
    match rng.weighted(&[800, 20, 60, 6, 12, 12, 3, 3, 3, 5, 8, 8]) {
        0 => draw_commit(rng, at),
        1 => Step::Rollback(draw_changes(rng, at, &[])),
        2 => {
            let back = rng.chance(20);
            let step = rng.within(0..=2) * at.grid.width + rng.within(0..=1);
            Step::SetClock(if back { at.now - step } else { at.now + step })
        }
        3 => Step::Pin,
        4 => Step::Flush,
        5 => Step::Maintain,
        6 => Step::Compact,
        7 => Step::Reopen,
        8 => Step::Crash,
        9 => draw_erasure(rng, at),
        10 => {
            let table = rng.below(at.shapes.len());
            let alteration = draw_alteration(rng, &at.shapes[table]);
            alteration.map_or(Step::Maintain, |alteration| Step::Alter(table, alteration))
        }
        _ => {
            let table = rng.below(at.shapes.len());
            let columns = at.shapes[table].indexable();
            match columns.is_empty() {
                true => Step::Maintain,
                false => Step::Index(table, columns[rng.below(columns.len())]),
            }
        }
    }
}

fn draw_erasure(rng: &mut Rng, at: &Situation<'_>) -> Step {
    use crate::rows::Cell;
    let table = rng.below(at.shapes.len());
    let shape = &at.shapes[table];
    let keys = (0..rng.within(1..=2)).map(|_| match shape.is_event {
        true => vec![Cell::Int(rng.within(0..=at.labels))],
        false => shape.draw_key(rng),
    });
    Step::Erase(table, keys.collect())
}

fn draw_commit(rng: &mut Rng, at: &Situation<'_>) -> Step {
    // An import goes into the tables whose recorded history may still be continued before now.
    let behind = |table: &usize| at.last[*table].unwrap_or(i64::MIN) < at.now;
    let importable: Vec<usize> = (0..at.shapes.len()).filter(behind).collect();
    if importable.is_empty() || !rng.chance(40) {
        return Step::Commit(draw_changes(rng, at, &[]), None);
    }
    let changes = draw_changes(rng, at, &importable);
    let last = changes.iter().filter_map(|change| at.last[change.table]).max();
    let last = last.unwrap_or(at.grid.start - at.grid.width).max(at.now - 3 * at.grid.width - 3);
    let time = match rng.below(4) {
        0 => at.now,
        1 => last + 1,
        _ => rng.within(last + 1..=at.now.max(last + 1)),
    };
    // A clock that was set back can leave no instant between the last one and now.
    Step::Commit(changes, (time > last && time <= at.now).then_some(time))
}

/// Changes of one transaction, in the given tables or, without any given, in all.
fn draw_changes(rng: &mut Rng, at: &Situation<'_>, tables: &[usize]) -> Vec<Change> {
    let all: Vec<usize> = (0..at.shapes.len()).collect();
    let tables = if tables.is_empty() { &all } else { tables };
    let table_count = if rng.chance(70) { 1 } else { tables.len() };
    let first = rng.below(tables.len());
    let mut label = at.labels;
    let mut changes: Vec<Change> = Vec::new();
    for _ in 0..rng.within(1..=7) {
        let table = tables[(first + rng.below(table_count)) % tables.len()];
        let shape = &at.shapes[table];
        if shape.is_event {
            changes.extend(draw_event(rng, at, table, &mut label));
            continue;
        }
        // The same key again and again inside a transaction, so that its own facts are overwritten.
        let again = changes.last().filter(|change| change.table == table && rng.chance(35));
        let key = again.map(|change| change.key.clone()).unwrap_or_else(|| shape.draw_key(rng));
        let row = (!rng.chance(22)).then(|| [key.clone(), shape.draw_values(rng)].concat());
        changes.push(Change { table, key, row, valid: draw_period(rng, at.grid) });
    }
    changes
}

/// A new event, or the retraction of one of an earlier transaction.
fn draw_event(rng: &mut Rng, at: &Situation<'_>, table: usize, label: &mut i64) -> Option<Change> {
    use crate::rows::Cell;
    if at.labels > 0 && rng.chance(25) {
        let key = vec![Cell::Int(rng.within(0..=at.labels - 1))];
        return Some(Change { table, key, row: None, valid: Some((i64::MIN, i64::MAX)) });
    }
    let key = vec![Cell::Int(*label)];
    *label += 1;
    let row = Some([key.clone(), at.shapes[table].draw_values(rng)].concat());
    let occurred_at = rng.chance(85).then(|| at.grid.draw_instant(rng));
    Some(Change { table, key, row, valid: occurred_at.map(|instant| (instant, instant + 1)) })
}

/// A valid period; `None` leaves it to the engine.
pub fn draw_period(rng: &mut Rng, grid: Grid) -> Option<(i64, i64)> {
    let from = grid.draw_instant(rng);
    match rng.below(10) {
        0 => None,
        1 | 2 => Some((from, i64::MAX)),
        3 => Some((i64::MIN, from)),
        4 if rng.chance(30) => Some((i64::MIN, i64::MAX)),
        _ => {
            let to = if rng.chance(50) { from + grid.width } else { grid.draw_instant(rng) };
            (from != to).then(|| (from.min(to), from.max(to)))
        }
    }
}
