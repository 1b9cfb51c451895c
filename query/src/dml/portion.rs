//! Over which part of valid time a change acts.

use annals_engine::{TableSchema, ValidTime};
use sqlparser::ast::{Expr, ObjectName, Spanned, TableFactor, TableVersion, Value as Literal};

use crate::error::{Error, Result};
use crate::parse::{Form, version_arguments, write_version};
use crate::plan::{Bound, Planner};

/// Over which part of valid time a change acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Portion {
    /// From the transaction's system time on, which is no earlier than this.
    FromNow(ValidTime),
    /// `[from, to)`.
    Range(ValidTime, ValidTime),
}

impl Portion {
    /// All of valid time.
    pub(crate) const ALL: Portion = Portion::Range(ValidTime::MIN, ValidTime::MAX);

    /// The part of a period that lies in the portion; from `None`: from the transaction's system time on.
    pub(crate) fn clip(self, from: i64, to: i64) -> (Option<i64>, i64) {
        match self {
            Portion::FromNow(first) if from <= first.micros() => (None, to),
            Portion::FromNow(_) => (Some(from), to),
            Portion::Range(a, b) => (Some(from.max(a.micros())), to.min(b.micros())),
        }
    }
}

/// The target of a change: its name, its qualifier in expressions, its portion, and the same factor as the query over the versions
/// that overlap the portion reads it.
pub(crate) struct Target {
    pub(crate) name: ObjectName,
    pub(crate) qualifier: ObjectName,
    pub(crate) portion: Portion,
    pub(crate) factor: TableFactor,
}

impl Target {
    pub(crate) fn read(
        planner: &Planner,
        factor: &TableFactor,
        acts_from: ValidTime,
        schema: impl FnOnce(&ObjectName) -> Result<std::sync::Arc<TableSchema>>,
    ) -> Result<(Target, std::sync::Arc<TableSchema>)> {
        let TableFactor::Table { name, alias, version, args: None, .. } = factor else {
            return Err(Error::invalid("a change names one table").at(factor.span()));
        };
        let schema = schema(name)?;
        let read = match version {
            Some(version) => version_arguments(version)
                .ok_or_else(|| Error::invalid("unknown table version").at(name.span()))?,
            None => Default::default(),
        };
        if read.system.is_some() {
            let message = "a change acts on what is believed now: it takes no FOR SYSTEM_TIME";
            return Err(Error::invalid(message).at(name.span()));
        }
        let null = || Expr::value(Literal::Null);
        let (portion, clause) = match read.valid {
            None if schema.is_event => (Portion::ALL, (Form::All, Vec::new())),
            None => {
                let at = Expr::value(Literal::SingleQuotedString(acts_from.to_string()));
                (Portion::FromNow(acts_from), (Form::FromTo, vec![at, null()]))
            }
            Some((Form::All, _)) => (Portion::ALL, (Form::All, Vec::new())),
            Some((Form::Portion, bounds)) => {
                let [from, to] = bounds.as_slice() else {
                    return Err(Error::invalid("a portion has two bounds").at(name.span()));
                };
                let (a, b): (Bound, Bound) = (planner.bound(from)?, planner.bound(to)?);
                let (a, b): (ValidTime, ValidTime) = (a.from(), b.to());
                if a >= b {
                    let message = format!(
                        "FOR PORTION OF VALID_TIME FROM {a} TO {b} is an empty or inverted portion"
                    );
                    return Err(Error::invalid(message).at(from.span()));
                }
                let text = |at: ValidTime, is_unbounded: bool| match is_unbounded {
                    true => null(),
                    false => Expr::value(Literal::SingleQuotedString(at.to_string())),
                };
                let bounds = vec![text(a, a == ValidTime::MIN), text(b, b == ValidTime::MAX)];
                (Portion::Range(a, b), (Form::FromTo, bounds))
            }
            Some(_) => {
                let message =
                    "a change takes FOR PORTION OF VALID_TIME FROM a TO b, or FOR ALL VALID_TIME";
                return Err(Error::invalid(message).at(name.span()));
            }
        };
        let mut factor = factor.clone();
        let put: TableVersion = write_version(Some(clause), None)?;
        if let TableFactor::Table { version, .. } = &mut factor {
            *version = Some(put);
        }
        let qualifier = match alias {
            Some(alias) => ObjectName::from(vec![alias.name.clone()]),
            None => name.clone(),
        };
        Ok((Target { name: name.clone(), qualifier, portion, factor }, schema))
    }
}
