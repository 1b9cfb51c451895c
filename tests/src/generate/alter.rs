//! Random changes of a table's columns, and what they do to the rows of the model.

use annals_engine::{Column, DataType, TableChange};

use super::rng::Rng;
use super::shape::{Shape, draw_cell};
use crate::rows::{Cell, Row};

/// Names that columns get, lose and get again.
const NAMES: [&str; 5] = ["amber", "blue", "green", "red", "violet"];
/// A table does not get more columns than this.
const COLUMN_COUNT_MAX: usize = 8;

/// A change of a table's columns, which are told by their position.
#[derive(Clone, Debug)]
pub enum Alteration {
    /// A column comes in behind the others.
    Add {
        /// Its name.
        name: &'static str,
        /// Its type.
        data_type: DataType,
        /// Whether NULL is allowed.
        nullable: bool,
        /// What rows from before show; NULL if there is no default.
        default: Cell,
    },
    /// A column goes.
    Drop(usize),
    /// A column is called otherwise.
    Rename(usize, &'static str),
    /// A column gets a wider type.
    Widen(usize, DataType),
}

/// Draws a change that the engine must accept; `None` where the drawn kind of change is not possible.
pub fn draw_alteration(rng: &mut Rng, shape: &Shape) -> Option<Alteration> {
    let free = |name: &&&str| shape.columns.iter().all(|(other, _, _)| other != *name);
    let free: Vec<&'static str> = NAMES.iter().filter(free).copied().collect();
    let (all, key_count) = (shape.columns.len(), shape.key_count);
    match rng.weighted(&[45, 25, 15, 15]) {
        0 if all < COLUMN_COUNT_MAX && !free.is_empty() => {
            let name = *rng.pick(&free);
            Some(draw_added(rng, name))
        }
        1 if all > key_count => Some(Alteration::Drop(key_count + rng.below(all - key_count))),
        2 if !free.is_empty() => Some(Alteration::Rename(rng.below(all), rng.pick::<&str>(&free))),
        3 => {
            let is_narrow =
                |at: &usize| matches!(shape.columns[*at].1, DataType::SmallInt | DataType::Integer);
            let narrow: Vec<usize> = (key_count..all).filter(is_narrow).collect();
            let at = *narrow.get(rng.below(narrow.len().max(1)))?;
            let is_small = shape.columns[at].1 == DataType::SmallInt;
            let wider =
                if is_small && rng.chance(50) { DataType::Integer } else { DataType::BigInt };
            Some(Alteration::Widen(at, wider))
        }
        _ => None,
    }
}

fn draw_added(rng: &mut Rng, name: &'static str) -> Alteration {
    let types = [
        DataType::SmallInt,
        DataType::Integer,
        DataType::BigInt,
        DataType::Double,
        DataType::Text,
        DataType::Boolean,
        DataType::Timestamp,
    ];
    let data_type = *rng.pick(&types);
    let nullable = rng.chance(60);
    let default = draw_cell(data_type, nullable, rng);
    Alteration::Add { name, data_type, nullable, default }
}

impl Alteration {
    /// The change as the engine takes it.
    pub fn engine(&self, shape: &Shape) -> TableChange {
        let name = |at: &usize| shape.columns[*at].0.to_owned();
        match self {
            Alteration::Add { name, data_type, nullable, default } => {
                let column = Column::new(*name, *data_type).with_default(default.value());
                TableChange::AddColumn(if *nullable { column } else { column.not_null() })
            }
            Alteration::Drop(at) => TableChange::DropColumn(name(at)),
            Alteration::Rename(at, to) => {
                TableChange::RenameColumn { from: name(at), to: (*to).to_owned() }
            }
            Alteration::Widen(at, data_type) => {
                TableChange::WidenColumn { column: name(at), data_type: *data_type }
            }
        }
    }

    /// The shape after the change.
    pub fn change_shape(&self, shape: &mut Shape) {
        match self {
            Alteration::Add { name, data_type, nullable, default } => {
                shape.columns.push((name, *data_type, *nullable));
                shape.defaults.push(default.clone());
            }
            Alteration::Drop(at) => {
                shape.columns.remove(*at);
                shape.defaults.remove(*at);
            }
            Alteration::Rename(at, name) => shape.columns[*at].0 = name,
            Alteration::Widen(at, data_type) => shape.columns[*at].1 = *data_type,
        }
    }

    /// A row that was there, as it is shown after the change.
    pub fn change_row(&self, row: &mut Row) {
        match self {
            Alteration::Add { default, .. } => row.push(default.clone()),
            Alteration::Drop(at) => {
                row.remove(*at);
            }
            Alteration::Rename(..) | Alteration::Widen(..) => (),
        }
    }
}
