//! Random questions, many to a statement: each is a member of a UNION ALL whose rows begin with its
//! number.

use annals_engine::Value;
use annals_tests::generate::{Filter, Instants, Rng, Shape, draw_clause, draw_filter};
use annals_tests::oracle::{Clause, Table, Version};
use annals_tests::rows::{Cell, Row};

use super::{answers, restated, sequenced, text};

/// The model of what a statement sees.
#[derive(Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) shapes: &'a [Shape],
    pub(super) tables: &'a [Table],
    /// The present.
    pub(super) now: i64,
}

/// Questions in one statement, and their answers.
pub(super) struct Batch {
    pub(super) sql: String,
    pub(super) parameters: Vec<Value>,
    pub(super) question_count: usize,
    expected: Vec<Row>,
}

/// One question: a SELECT without its number, as what follows it, and the rows of its answer.
pub(super) struct Question {
    /// The columns, `c0` and so on.
    pub(super) items: Vec<String>,
    /// From FROM on.
    pub(super) rest: String,
    pub(super) answer: Vec<Row>,
}

/// The questions of a batch are of one kind, so that their columns are of one type.
#[derive(Clone, Copy)]
enum Kind {
    Rows,
    Aggregates,
    Joins,
    Scalars,
    Sequenced,
    Restated,
}

/// What questions to one table are drawn from.
pub(super) struct Asker<'a> {
    pub(super) rng: &'a mut Rng,
    pub(super) shape: &'a Shape,
    pub(super) table: &'a Table,
    pub(super) instants: Instants,
    pub(super) text: text::Instants,
    /// The instants of both times at which a table without a clause is read.
    pub(super) defaults: (i64, i64),
}

/// A table as it stands in FROM, with what the model says of it.
pub(super) struct Source<'a> {
    pub(super) text: String,
    pub(super) versions: Vec<&'a Version>,
}

/// Draws questions about what is there.
pub(super) fn draw_batch(rng: &mut Rng, side: &Side<'_>) -> Batch {
    let at = rng.below(side.shapes.len());
    let (shape, table) = (&side.shapes[at], &side.tables[at]);
    let instants = Instants::around(table, side.now);
    let text =
        text::Instants { takes_parameters: rng.chance(20), now: side.now, ..Default::default() };
    let defaults = (side.now, side.now);
    let mut asker = Asker { rng, shape, table, instants, text, defaults };
    let kind = asker.draw_kind();
    let setting = asker.draw_setting();
    let is_grouped = asker.rng.chance(60);
    let count = asker.rng.within(4..=20) as usize;
    let (mut members, mut expected) = (Vec::new(), Vec::new());
    for number in 0..count {
        let question = match kind {
            Kind::Rows => answers::rows(&mut asker),
            Kind::Aggregates => answers::aggregates(&mut asker, is_grouped),
            Kind::Joins => answers::joins(&mut asker, is_grouped),
            Kind::Scalars => answers::scalars(&mut asker),
            Kind::Sequenced => sequenced::question(&mut asker, is_grouped),
            Kind::Restated => restated::question(&mut asker),
        };
        members.push(question.member(number));
        let number = Cell::Int(number as i64);
        expected
            .extend(question.answer.into_iter().map(|row| [vec![number.clone()], row].concat()));
    }
    let all = members.join("\nUNION ALL ");
    let sql = match setting.is_empty() {
        true => all,
        false => format!("{setting}SELECT * FROM ({all}) AS every"),
    };
    let parameters = std::mem::take(&mut asker.text.parameters);
    Batch { sql, parameters, question_count: count, expected }
}

impl Question {
    fn member(&self, number: usize) -> String {
        let items = self.items.iter().enumerate().map(|(at, item)| format!("{item} AS c{at}"));
        let items: Vec<String> = items.collect();
        let select = format!("SELECT {number} AS q, {} {}", items.join(", "), self.rest);
        if self.rest.contains(" LIMIT ") { format!("({select})") } else { select }
    }
}

impl Batch {
    /// Whether these are the rows of the answers; `Err` tells how they differ.
    pub(super) fn compare(&self, found: Vec<Row>) -> Result<(), String> {
        compare(found, self.expected.clone())
    }
}

/// Whether the rows are the same in some order; `Err` tells how they differ.
pub(super) fn compare(mut found: Vec<Row>, mut expected: Vec<Row>) -> Result<(), String> {
    found.sort();
    expected.sort();
    let only = |rows: &[Row], others: &[Row]| {
        let lonely = rows.iter().filter(|row| !others.contains(row)).take(8);
        lonely.map(|row| format!("\n    {}", show(row))).collect::<String>()
    };
    match found == expected {
        true => Ok(()),
        false => Err(format!(
            "{} rows found, {} expected\n  not expected:{}\n  not found:{}",
            found.len(),
            expected.len(),
            only(&found, &expected),
            only(&expected, &found)
        )),
    }
}

fn show(row: &Row) -> String {
    row.iter().map(Cell::to_string).collect::<Vec<_>>().join(" | ")
}

impl<'a> Asker<'a> {
    fn draw_kind(&mut self) -> Kind {
        // What events have no key for, a model by key does not tell.
        let restated = if self.shape.is_event { 0 } else { 12 };
        match self.rng.weighted(&[40, 20, 15, 12, 13, restated]) {
            0 => Kind::Rows,
            1 => Kind::Aggregates,
            2 => Kind::Joins,
            3 => Kind::Scalars,
            4 => Kind::Sequenced,
            _ => Kind::Restated,
        }
    }

    /// `SETTING ...` for the whole statement, now and then. An event table is read over all of
    /// valid time without a clause.
    fn draw_setting(&mut self) -> String {
        if self.shape.is_event || !self.rng.chance(15) {
            return String::new();
        }
        let (valid, system) = (self.instants.valid(self.rng), self.instants.system(self.rng));
        self.defaults = (valid, system);
        let valid = self.text.text(self.rng, valid);
        let system = self.text.text(self.rng, system);
        format!("SETTING DEFAULT VALID_TIME AS OF {valid}, DEFAULT SYSTEM_TIME AS OF {system} ")
    }

    /// The table under two random clauses.
    pub(super) fn source(&mut self) -> Source<'a> {
        let instants = self.instants.clone();
        let valid = draw_clause(self.rng, |rng| instants.valid(rng), i64::MAX - 1);
        let system = draw_clause(self.rng, |rng| instants.system(rng), self.text.now);
        self.source_at(valid, system)
    }

    /// The table at one instant of both times.
    pub(super) fn point(&mut self) -> Source<'a> {
        let valid = Clause::AsOf(self.instants.valid(self.rng));
        let system = Clause::AsOf(self.instants.system(self.rng));
        let valid = (self.shape.is_event || self.rng.chance(85)).then_some(valid);
        let system = self.rng.chance(85).then_some(system);
        self.source_at(valid, system)
    }

    fn source_at(&mut self, valid: Option<Clause>, system: Option<Clause>) -> Source<'a> {
        let text = format!("{}{}", self.shape.name, self.text.clauses(self.rng, valid, system));
        Source { text, versions: self.select(valid, system) }
    }

    /// The versions of the model under these clauses, or the defaults in their place.
    pub(super) fn select(&self, valid: Option<Clause>, system: Option<Clause>) -> Vec<&'a Version> {
        let (at, as_of) = self.defaults;
        let default = if self.shape.is_event { Clause::All } else { Clause::AsOf(at) };
        let system = system.unwrap_or(Clause::AsOf(as_of));
        self.table.select(valid.unwrap_or(default), system)
    }

    /// Up to two filters.
    pub(super) fn filters(&mut self) -> Vec<Filter> {
        let count = self.rng.weighted(&[45, 40, 15]);
        (0..count).map(|_| draw_filter(self.rng, self.shape, 1)).collect()
    }

    /// The column that is counted and summed.
    pub(super) fn value_column(&self) -> usize {
        match self.shape.name {
            "accounts" => 1,
            _ => 2,
        }
    }

    /// A column of text to group by.
    pub(super) fn group_column(&self) -> usize {
        match self.shape.name {
            "accounts" => 2,
            "stock" => 3,
            _ => 1,
        }
    }

    pub(super) fn name(&self, column: usize) -> &'static str {
        self.shape.columns[column].0
    }
}
