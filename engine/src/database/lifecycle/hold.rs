//! Holds: what they concern is neither dropped nor erased, and leaves by no policy, until they are released.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::and;

use super::audit::{Auditor, check_by};
use crate::database::inner::Inner;
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{Edit, HeldKey, HoldEntry, HoldId};
use crate::scan::{Clause, Predicate, Request, RequestSpec, Rows};
use crate::schema::{TableSchema, Value};
use crate::segment::Segment;
use crate::time::SystemTime;
use crate::transaction::key_columns;
use crate::version::{SegmentEntry, TableVersion};

/// The longest name of a hold, in bytes.
const NAME_BYTES_MAX: usize = 255;
/// The most values that the condition of a hold may name: the manifest keeps them.
const VALUE_COUNT_MAX: usize = 65_536;

/// A named hold on a table or on some of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hold {
    /// Its name, unique in its table.
    pub name: String,
    /// The table's name.
    pub table: String,
    /// When it was placed.
    pub placed_at: SystemTime,
    /// Who placed it.
    pub by: String,
    /// For each column of the key that matters, its name and the values that are held. The whole table if there is none.
    pub keys: Vec<(String, Vec<String>)>,
}

impl Hold {
    fn of(entry: &HoldEntry, schema: &TableSchema) -> Hold {
        let column = |held: &HeldKey| {
            (schema.columns[schema.key[held.key]].name.clone(), held.values.clone())
        };
        Hold {
            name: entry.name.clone(),
            table: schema.name.clone(),
            placed_at: SystemTime::from_micros(entry.placed_us),
            by: entry.by.clone(),
            keys: entry.condition.iter().map(column).collect(),
        }
    }
}

impl HoldEntry {
    /// The error of an operation on something that is held.
    pub(in crate::database) fn refusal(&self, what: &str) -> Error {
        let (name, by) = (&self.name, &self.by);
        let message =
            format!("{what} is under the hold `{name}`, which {by} has placed: release it first");
        Error::new(ErrorKind::Held, message)
    }

    fn predicates(&self, schema: &TableSchema) -> Result<Vec<Predicate>> {
        let predicate = |held: &HeldKey| {
            let column = &schema.columns[schema.key[held.key]];
            let values = held.values.iter().map(|text| Value::parse(column.data_type, text));
            let values = values.collect::<Result<Vec<Value>>>()?;
            Ok(Predicate::In { column: column.name.clone(), values })
        };
        self.condition.iter().map(predicate).collect()
    }
}

impl Inner {
    pub(in crate::database) fn place_hold(
        &self,
        table: &str,
        name: &str,
        condition: &[Predicate],
        by: &str,
    ) -> Result<()> {
        check_by(by)?;
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(Error::invalid(format!(
                "`{name}` cannot be the name of a hold: 1 to {NAME_BYTES_MAX} bytes"
            )));
        }
        // What is being dropped or erased is not held in the middle of it.
        let _backing_up = self.backing_up.lock();
        let _life = self.life.lock();
        let _not_erasing = self.erasing.read();
        let schema = self.schema_of(table)?;
        let condition = held_keys(&schema, condition)?;
        let mut manifest = self.manifest.lock();
        let id = HoldId { table: schema.id, name: name.to_owned() };
        if manifest.state.holds.contains_key(&id) {
            let what = format!("there is a hold `{name}` on table `{table}` already");
            return Err(Error::conflict(what));
        }
        let at_us = self.options.clock.now().micros();
        let (by, name) = (by.to_owned(), name.to_owned());
        // Not a word of the values: they must be able to go, and the record never does.
        let detail = if condition.is_empty() { "the whole table" } else { "some keys" };
        let auditor = Auditor { at_us, by: &by, table };
        let audit = auditor.entry(&manifest, &[], "place hold", &name, detail.to_owned());
        let hold =
            HoldEntry { table: schema.id, name, placed_us: at_us, by: by.clone(), condition };
        let edit = Edit { holds_placed: vec![hold], audit: vec![audit], ..Edit::default() };
        self.install(&mut manifest, &edit, None)
    }

    pub(in crate::database) fn release_hold(
        &self,
        table: &str,
        name: &str,
        by: &str,
    ) -> Result<()> {
        check_by(by)?;
        let schema = self.schema_of(table)?;
        let mut manifest = self.manifest.lock();
        let id = HoldId { table: schema.id, name: name.to_owned() };
        if !manifest.state.holds.contains_key(&id) {
            return Err(Error::invalid(format!("there is no hold `{name}` on table `{table}`")));
        }
        let at_us = self.options.clock.now().micros();
        let auditor = Auditor { at_us, by, table };
        let audit = auditor.entry(&manifest, &[], "release hold", name, String::new());
        let edit = Edit { holds_released: vec![id], audit: vec![audit], ..Edit::default() };
        self.install(&mut manifest, &edit, None)
    }

    /// All holds, by table and name.
    pub(in crate::database) fn holds(&self) -> Result<Vec<Hold>> {
        self.check_open()?;
        let manifest = self.manifest.lock();
        let tables = &manifest.state.tables;
        let hold =
            |entry: &Arc<HoldEntry>| Some(Hold::of(entry, &tables.get(&entry.table)?.schema));
        Ok(manifest.state.holds.values().filter_map(hold).collect())
    }

    fn holds_on(&self, schema: &TableSchema) -> Vec<Arc<HoldEntry>> {
        let manifest = self.manifest.lock();
        let own = manifest.state.holds.values().filter(|hold| hold.table == schema.id);
        own.cloned().collect()
    }

    /// A hold on any row of some segments.
    pub(super) fn held(
        &self,
        schema: &Arc<TableSchema>,
        segments: &[Arc<Segment>],
    ) -> Result<Option<Arc<HoldEntry>>> {
        for hold in self.holds_on(schema) {
            if hold.condition.is_empty() || holds_row_of(&hold, schema, segments)? {
                return Ok(Some(hold));
            }
        }
        Ok(None)
    }

    /// A hold on a whole table.
    pub(super) fn held_whole(&self, schema: &TableSchema) -> Option<Arc<HoldEntry>> {
        self.holds_on(schema).into_iter().find(|hold| hold.condition.is_empty())
    }

    /// An error of kind `Held` if a key that is to be erased is held.
    pub(in crate::database) fn check_erasable(
        &self,
        schema: &Arc<TableSchema>,
        keys: &RecordBatch,
    ) -> Result<()> {
        for hold in self.holds_on(schema) {
            let columns = key_columns(schema, keys)?;
            let is_held = hold.condition.is_empty() || holds_key(&hold, schema, &columns)?;
            if is_held {
                return Err(hold.refusal(&format!("a key of table `{}`", schema.name)));
            }
        }
        Ok(())
    }
}

fn request(schema: &Arc<TableSchema>, predicates: Vec<Predicate>) -> Result<Request> {
    let spec = RequestSpec {
        valid: Some(Clause::All),
        system: Some(Clause::All),
        columns: Some(Vec::new()),
        predicates,
        limit: Some(1),
        is_partial: true,
    };
    Request::resolve(schema.clone(), spec, SystemTime::LAST)
}

fn holds_row_of(
    hold: &HoldEntry,
    schema: &Arc<TableSchema>,
    segments: &[Arc<Segment>],
) -> Result<bool> {
    let request = request(schema, hold.predicates(schema)?)?;
    let entry = |segment: &Arc<Segment>| Arc::new(SegmentEntry::new(segment.clone(), Vec::new()));
    let segments = segments.iter().map(entry).collect();
    let table = TableVersion { segments, ..TableVersion::new(schema.clone()) };
    for batch in Rows::new(request, &table, &[], 0)? {
        if batch?.num_rows() > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether one of some keys, whose columns are in the order of the key, is held.
fn holds_key(hold: &HoldEntry, schema: &Arc<TableSchema>, keys: &[ArrayRef]) -> Result<bool> {
    let mut held: Option<BooleanArray> = None;
    for condition in request(schema, hold.predicates(schema)?)?.filter.conditions {
        let at = schema.key.iter().position(|at| *at == condition.column);
        let Some(array) = at.and_then(|at| keys.get(at)) else { continue };
        let passes = condition.test.evaluate(array)?;
        held = Some(match held {
            Some(held) => and(&held, &passes)?,
            None => passes,
        });
    }
    Ok(held.is_some_and(|held| held.true_count() > 0))
}

/// A condition as the manifest keeps it.
fn held_keys(schema: &TableSchema, condition: &[Predicate]) -> Result<Vec<HeldKey>> {
    let mut keys = Vec::new();
    let mut value_count = 0;
    let mut pending: Vec<&Predicate> = condition.iter().rev().collect();
    while let Some(predicate) = pending.pop() {
        let (column, values) = match predicate {
            Predicate::And(all) => {
                pending.extend(all.iter().rev());
                continue;
            }
            Predicate::Compare { column, op: crate::scan::Comparison::Eq, value } => {
                (column, std::slice::from_ref(value))
            }
            Predicate::In { column, values } => (column, &values[..]),
            _ => {
                return Err(Error::invalid(
                    "the condition of a hold compares key columns by = or IN, joined by AND",
                ));
            }
        };
        let position = schema.position(column)?;
        let key = schema.key.iter().position(|at| *at == position).ok_or_else(|| {
            let table = &schema.name;
            Error::invalid(format!(
                "column `{column}` is none of the key of table `{table}`: a hold is on keys"
            ))
        })?;
        let data_type = schema.columns[position].data_type;
        for value in values {
            if *value == Value::Null {
                let message = format!("column `{column}` of a key is never NULL");
                return Err(Error::invalid(message));
            }
            value.array(data_type).map_err(|e| e.context(format!("column `{column}`")))?;
        }
        value_count += values.len();
        keys.push(HeldKey { key, values: values.iter().map(Value::to_string).collect() });
    }
    if value_count > VALUE_COUNT_MAX {
        return Err(Error::exhausted(format!(
            "the condition of a hold names {value_count} values, more than {VALUE_COUNT_MAX}"
        )));
    }
    Ok(keys)
}
