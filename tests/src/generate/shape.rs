//! The tables of random histories: a key of one number, a key of text and number, and events.

use annals_engine::{Column, DataType, PartitionWidth, TableSpec};

use super::rng::Rng;
use crate::rows::{Cell, Row};

/// A table of a random history.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Its name.
    pub name: &'static str,
    /// Its columns, the hidden one of event tables not among them: name, type, whether NULL is allowed.
    pub columns: Vec<(&'static str, DataType, bool)>,
    /// The default of each column; NULL if it has none.
    pub defaults: Vec<Cell>,
    /// How many of the first columns are the key. The first column of an event table plays that part in the model.
    pub key_count: usize,
    /// Whether it is an event table.
    pub is_event: bool,
    /// How wide its partitions are.
    pub width: PartitionWidth,
    /// How many keys a history is about.
    pub key_limit: i64,
}

/// The three tables, with partition widths of the generator's choice.
pub fn shapes(rng: &mut Rng, key_limit: i64) -> Vec<Shape> {
    let widths = [
        PartitionWidth::Hour,
        PartitionWidth::Day,
        PartitionWidth::Week,
        PartitionWidth::Month,
        PartitionWidth::Quarter,
        PartitionWidth::Year,
    ];
    let mut shape = |name, columns: Vec<_>, key_count, is_event| {
        let width = *rng.pick(&widths);
        let defaults = vec![Cell::Null; columns.len()];
        Shape { name, columns, defaults, key_count, is_event, width, key_limit }
    };
    vec![
        shape(
            "accounts",
            vec![
                ("id", DataType::BigInt, false),
                ("amount", DataType::BigInt, true),
                ("note", DataType::Text, true),
                ("rate", DataType::Double, true),
                ("active", DataType::Boolean, true),
                ("opened_at", DataType::Timestamp, true),
            ],
            1,
            false,
        ),
        shape(
            "stock",
            vec![
                ("sku", DataType::Text, false),
                ("place", DataType::Integer, false),
                ("quantity", DataType::Integer, false),
                ("tag", DataType::Text, true),
            ],
            2,
            false,
        ),
        shape(
            "readings",
            vec![
                ("label", DataType::BigInt, false),
                ("sensor", DataType::Text, true),
                ("level", DataType::Double, true),
            ],
            1,
            true,
        ),
    ]
}

impl Shape {
    /// The request that makes the table.
    pub fn spec(&self) -> TableSpec {
        let key = self.columns[..self.key_count].iter().map(|(name, _, _)| *name);
        let spec = match self.is_event {
            true => TableSpec::events(self.name),
            false => TableSpec::keyed(self.name, key),
        };
        let columns = self.columns.iter().map(|(name, data_type, nullable)| {
            let column = Column::new(*name, *data_type);
            if *nullable { column } else { column.not_null() }
        });
        columns.fold(spec.partition_by(self.width), TableSpec::column)
    }

    /// The names of the columns that may have an index.
    pub fn indexable(&self) -> Vec<&'static str> {
        let is_exact = |data_type: &DataType| *data_type != DataType::Double;
        let columns = self.columns.iter().filter(|(_, data_type, _)| is_exact(data_type));
        columns.map(|(name, _, _)| *name).collect()
    }

    /// The names of the columns, in order.
    pub fn column_names(&self) -> Vec<&'static str> {
        self.columns.iter().map(|(name, _, _)| *name).collect()
    }

    /// One of the keys of a keyed table.
    pub fn draw_key(&self, rng: &mut Rng) -> Row {
        let number = rng.within(0..=self.key_limit - 1);
        match self.key_count {
            // Negative numbers and large ones, so that an order of bytes that is not the order of numbers shows.
            1 => vec![Cell::Int(
                (number - self.key_limit / 3) * if number % 5 == 0 { 1 << 40 } else { 1 },
            )],
            // Words of which one begins another, and one is empty.
            _ => vec![Cell::text("ab".repeat((number % 4) as usize)), Cell::Int(number / 4 - 2)],
        }
    }

    /// The columns after the key.
    pub fn draw_values(&self, rng: &mut Rng) -> Row {
        let columns = &self.columns[self.key_count..];
        columns
            .iter()
            .map(|(_, data_type, nullable)| draw_cell(*data_type, *nullable, rng))
            .collect()
    }
}

/// A value of a small domain, so that predicates meet it.
pub fn draw_cell(data_type: DataType, nullable: bool, rng: &mut Rng) -> Cell {
    if nullable && rng.chance(20) {
        return Cell::Null;
    }
    match data_type {
        DataType::Boolean => Cell::Boolean(rng.chance(50)),
        DataType::Double => Cell::Eighths(rng.within(-12..=12)),
        DataType::Text => {
            Cell::text(*rng.pick(&["", "a", "north", "north-east", "süd", "zürich", "\0", "a\0b"]))
        }
        DataType::Timestamp => Cell::Time(rng.within(-4..=4) * 86_400_000_000),
        _ => Cell::Int(rng.within(-20..=20)),
    }
}
