//! The statements of one request: what they may be, who may run them, and that they are applied together or not at all.

use annals_engine::{SystemTime, Value};
use annals_query::{Access, Outcome, Prepared, SendableRecordBatchStream, Session, Tag};
use futures::StreamExt;
use serde::Serialize;
use utoipa::ToSchema;

use super::access::check_role;
use super::answer::{AnswerLimits, Encoder, Form, counted};
use super::problem::{Code, Problem};
use super::record::{Record, Recorder};
use crate::auth::{Identity, Role};
use crate::output::{Answer, Format, Heading};

/// The most statements of one request: a tree of each is in memory.
const STATEMENT_COUNT_MAX: usize = 10_000;

/// The statements of one request.
#[derive(Debug)]
pub(crate) struct Statements {
    prepared: Vec<Prepared>,
    /// Whether they stand in a transaction that the request does not state.
    is_wrapped: bool,
}

/// What they gave.
#[derive(Default)]
pub(crate) struct Given {
    /// The rows of the last one, if it is a query. They are not computed yet.
    pub(crate) query: Option<SendableRecordBatchStream>,
    /// Whether they are computed after all, and few.
    pub(crate) is_computed: bool,
    /// The record of that query, which has not ended.
    pub(crate) record: Option<Record>,
    /// What each of the others did, in order.
    pub(crate) done: Vec<Done>,
    /// The system instant at which the last query was read.
    pub(crate) read_at: Option<SystemTime>,
    /// The system time of their transaction, if they wrote.
    pub(crate) committed_at: Option<SystemTime>,
    /// What answers leave out, a sentence each.
    pub(crate) notices: Vec<String>,
}

/// Why statements are not run.
#[derive(Debug)]
pub(crate) struct Refused {
    /// The problem of the answer.
    pub(crate) problem: Problem,
    /// The most that they asked for; of what cannot be read, to read.
    pub(crate) access: Access,
}

impl Refused {
    fn read(problem: Problem) -> Refused {
        Refused { problem, access: Access::Read }
    }
}

/// What a statement did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Done {
    /// What kind of statement it was, as PostgreSQL names it.
    #[schema(example = "UPSERT")]
    statement: String,
    /// Rows put or retracted; keys, for ERASE.
    pub(crate) row_count: u64,
}

impl Statements {
    /// Reads statements, and refuses what makes no sense together, does not take the values or is not for the role.
    pub(crate) fn read(
        session: &Session,
        sql: &str,
        values: &[Value],
        identity: &Identity,
    ) -> Result<Statements, Refused> {
        let prepared = session.prepare(sql);
        let prepared = prepared.map_err(|error| Refused::read(Problem::of_syntax(&error)))?;
        let asks = |access| prepared.iter().any(|one| one.access() == access);
        let asks = [Access::Define, Access::Write].into_iter().find(|access| asks(*access));
        let checked = check(&prepared, values, identity);
        checked.map_err(|problem| Refused { problem, access: asks.unwrap_or(Access::Read) })?;
        let is_stated = prepared.iter().any(is_control);
        let writes = prepared.iter().any(|one| one.access() == Access::Write);
        let is_wrapped = writes && !is_stated && prepared.len() > 1;
        Ok(Statements { prepared, is_wrapped })
    }

    /// Whether all of them only read.
    pub(crate) fn only_read(&self) -> bool {
        self.prepared.iter().all(|one| one.access() == Access::Read)
    }

    /// Runs them, all or none. Each is put on record when all have ended; a query at the end, when its rows have. The rows of a query
    /// behind changes are computed, and within the limits, before these are committed.
    pub(crate) async fn run(
        &self,
        session: &mut Session,
        values: &[Value],
        limits: &AnswerLimits,
        form: Form,
        recorder: &Recorder,
    ) -> Result<Given, Problem> {
        let mut given = Given::default();
        let mut records = Vec::new();
        let mut result = self.run_each(session, values, recorder, &mut given, &mut records).await;
        if self.is_wrapped && result.is_ok() {
            result = given.commit(session, limits, form).await;
        }
        if given.query.is_some() && result.is_ok() {
            given.record = records.pop();
        }
        if result.is_err() && session.is_cancelled() {
            // Dropped untold, they say why.
            return result.map(|()| given);
        }
        let code = result.as_ref().err().map(|problem| problem.code);
        for mut record in records {
            record.committed_at(given.committed_at.filter(|_| code.is_none()));
            record.end(code);
        }
        result.map(|()| given)
    }

    async fn run_each(
        &self,
        session: &mut Session,
        values: &[Value],
        recorder: &Recorder,
        given: &mut Given,
        records: &mut Vec<Record>,
    ) -> Result<(), Problem> {
        if self.is_wrapped {
            // An answer behind changes is that as of their commit.
            session.set_holds_reads(true);
            session.run("BEGIN").await?;
        }
        for one in &self.prepared {
            records.push(recorder.begin(one));
            let outcome = session.execute(one, values).await?;
            if let Some(record) = records.last_mut() {
                record.read(outcome.row_count, outcome.system_time);
            }
            given.take(outcome);
        }
        Ok(())
    }
}

impl Given {
    fn take(&mut self, mut outcome: Outcome) {
        self.notices.append(&mut outcome.notices);
        if let Some(commit) = outcome.commit {
            self.committed_at = Some(commit.system_time);
        }
        self.read_at = outcome.system_time.or(self.read_at);
        self.is_computed = outcome.is_computed;
        match outcome.rows.take() {
            Some(rows) => self.query = Some(rows),
            None => {
                let statement = outcome.tag.to_string();
                self.done.push(Done { statement, row_count: outcome.row_count });
            }
        }
    }

    /// Ends the transaction that the request does not state.
    async fn commit(
        &mut self,
        session: &mut Session,
        limits: &AnswerLimits,
        form: Form,
    ) -> Result<(), Problem> {
        if let Some(rows) = self.query.take() {
            self.query = Some(held(session, rows, limits, form).await?);
        }
        let outcomes = session.run("COMMIT").await?;
        self.committed_at = outcomes.iter().find_map(|one| Some(one.commit?.system_time));
        Ok(())
    }
}

fn is_control(one: &Prepared) -> bool {
    matches!(one.tag(), Tag::Begin | Tag::Commit | Tag::Rollback)
}

/// An error unless they are for the role, make sense together and take the values.
fn check(prepared: &[Prepared], values: &[Value], identity: &Identity) -> Result<(), Problem> {
    let refuse = |detail: String| Err(Problem::new(Code::InvalidStatement, detail));
    for one in prepared {
        let needed = match one.access() {
            Access::Read => Role::Reader,
            Access::Write => Role::Writer,
            Access::Define => Role::Admin,
        };
        check_role(identity, needed, &one.tag().to_string())?;
    }
    if prepared.len() > STATEMENT_COUNT_MAX {
        let count = prepared.len();
        return refuse(format!(
            "{count} statements are in the request; {STATEMENT_COUNT_MAX} may be"
        ));
    }
    check_order(prepared).or_else(|detail| refuse(detail.to_owned()))?;
    let in_turn = prepared.iter().filter(|one| one.takes_in_turn()).count();
    if in_turn > 0 && prepared.len() > 1 {
        return refuse(
            "several statements take their values by number, such as `$1`, not by `?`".into(),
        );
    }
    let taken = prepared.iter().map(Prepared::parameter_count).max().unwrap_or_default();
    if values.len() > taken {
        let given = values.len();
        let detail = format!("`params` has {given} values, and the statements take {taken}");
        return Err(Problem::invalid(detail));
    }
    Ok(())
}

/// What makes no sense together.
fn check_order(prepared: &[Prepared]) -> Result<(), &'static str> {
    let Some((last, before)) = prepared.split_last() else {
        return Err("there is no statement");
    };
    if before.iter().any(Prepared::returns_rows) {
        return Err("a request has one answer: only its last statement can be a query");
    }
    let is_define = |one: &Prepared| one.access() == Access::Define;
    if !before.is_empty() && prepared.iter().any(is_define) {
        return Err(
            "a statement that changes tables, partitions or indexes, or erases, stands alone",
        );
    }
    if prepared.iter().any(is_control) {
        let (first, inner) = (&prepared[0], &before[1.min(before.len())..]);
        let is_ended = matches!(last.tag(), Tag::Commit | Tag::Rollback);
        if first.tag() != Tag::Begin || !is_ended || inner.iter().any(is_control) {
            return Err(
                "a transaction begins and ends with its request: BEGIN is the first statement, \
                 COMMIT or ROLLBACK the last",
            );
        }
    }
    Ok(())
}

/// Computes the rows of an answer now, and whatever can be wrong with them is found, in the form of the answer too: what is committed is not
/// answered with an error of the client's.
async fn held(
    session: &Session,
    mut rows: SendableRecordBatchStream,
    limits: &AnswerLimits,
    form: Form,
) -> Result<SendableRecordBatchStream, Problem> {
    // Not every value has a place in the types of answers.
    let answer = Answer::new(&rows.schema(), Format::Csv);
    let schema = answer.shape().schema;
    // Nor every type in every form.
    Encoder::new(form, &schema, &Heading::default())?;
    let mut held = session.held_rows();
    let mut row_count = 0;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(annals_query::Error::from)?;
        row_count = counted(row_count, &batch, limits)?;
        held.push(answer.rows(&batch)?)?;
    }
    Ok(held.into_stream(schema))
}
