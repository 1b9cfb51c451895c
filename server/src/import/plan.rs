//! What an import does with each column of its files: decided, and checked, before anything is written.
//!
//! The columns named by `--valid-from`, `--valid-to`, `--system-time` and `--op` are consumed; every other column is stored
//! under its own name. A file may have its columns in any order and may lack columns of the table that may be NULL.

use annals_engine::{Column, DataType, PartitionWidth, TableSchema, TableSpec, Value};

use crate::error::{Failure, Result};

/// What names of tables begin with that the database keeps for itself.
const OWN_TABLES: &str = "annals.";

/// An error if nobody may import into a table of this name.
pub(crate) fn check_target(table: &str) -> Result<()> {
    if table.starts_with(OWN_TABLES) {
        return Err(Failure::new(format!(
            "`{table}` cannot be written to: names with `{OWN_TABLES}` in front are the database's own"
        )));
    }
    Ok(())
}

/// Who asks for rows to be written: messages speak of what they see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Somebody at a command line, with options and files.
    #[default]
    CommandLine,
    /// A request with parameters and a body.
    Request,
}

impl Asker {
    /// What names a consumed column.
    fn option(self, parameter: &'static str) -> String {
        match self {
            Asker::CommandLine => format!("--{}", parameter.replace('_', "-")),
            Asker::Request => format!("`{parameter}`"),
        }
    }

    /// What the rows are in.
    fn whole(self) -> &'static str {
        match self {
            Asker::CommandLine => "file",
            Asker::Request => "body",
        }
    }
}

/// What the command line says about an import, apart from its files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    /// The table.
    pub(crate) table: String,
    /// The key columns; empty if not stated.
    pub(crate) key: Vec<String>,
    /// Whether an event table is meant.
    pub(crate) is_event: bool,
    /// The column with the start of the valid period.
    pub(crate) valid_from: Option<String>,
    /// The column with the end of the valid period.
    pub(crate) valid_to: Option<String>,
    /// The column with the system time.
    pub(crate) system_time: Option<String>,
    /// The column that says put or delete.
    pub(crate) op: Option<String>,
    /// How wide the partitions of a new table are.
    pub(crate) partition: Option<PartitionWidth>,
    /// Types that are stated instead of inferred.
    pub(crate) types: Vec<(String, DataType)>,
    /// Whether every row is a delete.
    pub(crate) is_delete: bool,
    /// Who is told what is wrong.
    pub(crate) asker: Asker,
}

impl Request {
    /// The columns that are consumed, with what names them.
    fn consumed(&self) -> impl Iterator<Item = (String, &str)> {
        let op = match self.asker {
            Asker::CommandLine => "op",
            Asker::Request => "op_column",
        };
        [
            ("valid_from", &self.valid_from),
            ("valid_to", &self.valid_to),
            ("system_time", &self.system_time),
            (op, &self.op),
        ]
        .into_iter()
        .filter_map(|(parameter, name)| Some((self.asker.option(parameter), name.as_deref()?)))
    }

    /// Whether the column of this name is consumed instead of stored.
    pub(crate) fn consumes(&self, name: &str) -> bool {
        self.consumed().any(|(_, consumed)| consumed == name)
    }

    /// Refuses what contradicts itself.
    pub(crate) fn check(&self) -> Result<()> {
        check_target(&self.table)?;
        let mut seen: Vec<(String, &str)> = Vec::new();
        for (option, name) in self.consumed() {
            if let Some((other, _)) = seen.iter().find(|(_, other)| *other == name) {
                return Err(Failure::usage(format!("{other} and {option} both name `{name}`")));
            }
            if self.key.iter().any(|key| key == name) {
                return Err(Failure::usage(format!("--key and {option} both name `{name}`")));
            }
            seen.push((option, name));
        }
        if self.is_event && !self.key.is_empty() {
            return Err(Failure::usage("an event table has no key: --event or --key, not both"));
        }
        if self.is_event && self.valid_to.is_some() {
            return Err(Failure::usage(
                "an event happens at an instant: --valid-from names it, --valid-to is not for events",
            ));
        }
        if self.is_event && self.op.is_some() {
            return Err(Failure::usage("events are only added by an import: no --op with --event"));
        }
        if let Some((name, _)) = self.types.iter().find(|(name, _)| self.consumes(name)) {
            return Err(Failure::usage(format!(
                "--column gives `{name}` a type, but it is consumed, not stored"
            )));
        }
        Ok(())
    }
}

/// A column that is stored.
#[derive(Clone, Debug)]
pub(crate) struct PlannedColumn {
    /// Its name in the file and in the table.
    pub(crate) name: String,
    /// Its type in the table.
    pub(crate) data_type: DataType,
    /// Whether a put may leave it out.
    pub(crate) is_nullable: bool,
    /// Whether it is part of the key.
    pub(crate) is_key: bool,
    /// Whether the type was told from a sample.
    pub(crate) is_inferred: bool,
    /// What a put that leaves it out gives it; NULL if nothing is said.
    pub(crate) default: Option<Value>,
}

/// What an import does, the same for all its files.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// What was asked for.
    pub(crate) request: Request,
    /// The table to make first, if there is none.
    pub(crate) create: Option<TableSpec>,
    /// The columns that are stored.
    pub(crate) columns: Vec<PlannedColumn>,
}

impl Plan {
    /// Stores into a table that exists; an error if the request expects another one.
    pub(crate) fn existing(request: Request, table: &TableSchema) -> Result<Plan> {
        let name = &table.name;
        let refuse = |what: String| Err(Failure::new(format!("table `{name}` exists {what}")));
        if request.is_event != table.is_event && (request.is_event || !request.key.is_empty()) {
            let kind =
                if table.is_event { "as an event table" } else { "and is not an event table" };
            return refuse(kind.into());
        }
        let key: Vec<&str> = table.key.iter().map(|at| table.columns[*at].name.as_str()).collect();
        if !request.key.is_empty() && request.key != key {
            return refuse(format!(
                "with the key {}, not {}",
                key.join(","),
                request.key.join(",")
            ));
        }
        if table.is_event && request.is_delete {
            return refuse("as an event table: its rows have no key to delete them by".into());
        }
        if table.is_event && (request.op.is_some() || request.valid_to.is_some()) {
            let (op, to) = (request.asker.option("op"), request.asker.option("valid_to"));
            return refuse(format!("as an event table: it takes neither {op} nor {to}"));
        }
        if let Some(width) = request.partition.filter(|width| *width != table.partition_width) {
            return refuse(format!(
                "partitioned by {}, not by {}",
                width_name(table.partition_width),
                width_name(width)
            ));
        }
        for (column, data_type) in &request.types {
            let at = table.position(column)?;
            let is = table.columns[at].data_type;
            if is != *data_type {
                return refuse(format!("with column `{column}` as {is}, not {data_type}"));
            }
        }
        let stored = |at: &usize| !(table.is_event && table.key.contains(at));
        let columns = (0..table.columns.len()).filter(stored).map(|at| {
            let column = &table.columns[at];
            Ok(PlannedColumn {
                name: column.name.clone(),
                data_type: column.data_type,
                is_nullable: column.nullable,
                is_key: table.key.contains(&at),
                is_inferred: false,
                default: column.default_value()?,
            })
        });
        let columns = columns.collect::<Result<_>>()?;
        Ok(Plan { request, create: None, columns })
    }

    /// Makes a new table of the columns `found` in the first file, each with its inferred type.
    pub(crate) fn new_table(request: Request, found: &[(String, DataType)]) -> Result<Plan> {
        let table = &request.table;
        if request.key.is_empty() && !request.is_event {
            return Err(Failure::new(format!(
                "table `{table}` is new: name its key columns with --key, or say --event"
            )));
        }
        for name in request.key.iter().chain(request.types.iter().map(|(name, _)| name)) {
            if !found.iter().any(|(found, _)| found == name) {
                return Err(Failure::new(format!(
                    "there is no column `{name}`; the file has {}",
                    list(found.iter().map(|(name, _)| name.as_str()))
                )));
            }
        }
        let stored = found.iter().filter(|(name, _)| !request.consumes(name));
        let columns: Vec<PlannedColumn> = stored
            .map(|(name, inferred)| {
                let stated = request.types.iter().find(|(stated, _)| stated == name);
                let is_key = request.key.contains(name);
                PlannedColumn {
                    name: name.clone(),
                    data_type: stated.map_or(*inferred, |(_, data_type)| *data_type),
                    is_nullable: !is_key,
                    is_key,
                    is_inferred: stated.is_none(),
                    default: None,
                }
            })
            .collect();
        let mut spec = match request.is_event {
            true => TableSpec::events(table),
            false => TableSpec::keyed(table, &request.key),
        };
        for column in &columns {
            let stored = Column::new(&column.name, column.data_type);
            spec = spec.column(if column.is_key { stored.not_null() } else { stored });
        }
        if let Some(width) = request.partition {
            spec = spec.partition_by(width);
        }
        Ok(Plan { request, create: Some(spec), columns })
    }

    /// All names that a row may have: the stored columns and the consumed ones.
    pub(crate) fn names(&self) -> Vec<String> {
        let stored = self.columns.iter().map(|column| column.name.clone());
        let consumed = self.request.consumed().map(|(_, name)| name.to_owned());
        let mut names: Vec<String> = stored.collect();
        names.extend(consumed.filter(|name| !self.columns.iter().any(|c| c.name == *name)));
        names
    }

    /// Whether every file must have the column.
    fn needs(&self, column: &PlannedColumn) -> bool {
        let has_fallback = column.is_nullable || column.default.is_some();
        column.is_key || !(self.request.is_delete || has_fallback)
    }

    /// Finds the columns of one file by their names; an error for a name the table lacks, or one it needs.
    pub(crate) fn bind(&self, names: &[String]) -> Result<Binding> {
        let whole = self.request.asker.whole();
        for (at, name) in names.iter().enumerate() {
            if names[..at].contains(name) {
                return Err(Failure::new(format!("column `{name}` is there twice")));
            }
            let is_stored = self.columns.iter().any(|column| column.name == *name);
            if !is_stored && !self.request.consumes(name) {
                return Err(Failure::new(format!(
                    "table `{}` has no column `{name}`; it has {}",
                    self.request.table,
                    list(self.columns.iter().map(|column| column.name.as_str()))
                )));
            }
        }
        let find = |name: &str| names.iter().position(|other| other == name);
        for (option, name) in self.request.consumed() {
            if find(name).is_none() {
                return Err(Failure::new(format!(
                    "{option} names `{name}`, but the {whole} has {}",
                    list(names.iter().map(String::as_str))
                )));
            }
        }
        let is_consumed = |column: &PlannedColumn| self.request.consumes(&column.name);
        let slot = |column: &PlannedColumn| {
            if is_consumed(column) { None } else { find(&column.name) }
        };
        for column in self.columns.iter().filter(|column| slot(column).is_none()) {
            if self.needs(column) {
                let what = if column.is_key { "key column" } else { "column" };
                return Err(Failure::new(format!(
                    "{what} `{}` is missing; the {whole} has {}",
                    column.name,
                    list(names.iter().map(String::as_str))
                )));
            }
        }
        let consumed = |name: &Option<String>| name.as_deref().and_then(find);
        Ok(Binding {
            columns: self.columns.iter().map(slot).collect(),
            valid_from: consumed(&self.request.valid_from),
            valid_to: consumed(&self.request.valid_to),
            system_time: consumed(&self.request.system_time),
            op: consumed(&self.request.op),
        })
    }
}

/// Where the columns of a plan stand in one file.
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    /// For each column of the plan its position in the file, if it is there.
    pub(crate) columns: Vec<Option<usize>>,
    /// Where the start of the valid period stands.
    pub(crate) valid_from: Option<usize>,
    /// Where the end of the valid period stands.
    pub(crate) valid_to: Option<usize>,
    /// Where the system time stands.
    pub(crate) system_time: Option<usize>,
    /// Where put or delete stands.
    pub(crate) op: Option<usize>,
}

/// Names for a message, the first few of them.
fn list<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 12;
    let more = names.len().saturating_sub(SHOWN);
    let shown: Vec<String> = names.take(SHOWN).map(|name| format!("`{name}`")).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

fn width_name(width: PartitionWidth) -> String {
    format!("{width:?}").to_lowercase()
}
