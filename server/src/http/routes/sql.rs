//! `POST /v1/sql`: statements in, rows out.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use annals_query::CancelToken;
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, HeaderValue, Version, header};
use axum::response::Response;
use serde::Serialize;
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;

use crate::auth::Identity;
use crate::http::answer::{self, AnswerLimits, Encoder, Form};
use crate::http::body::{BodyLimits, read_whole};
use crate::http::change::Change;
use crate::http::description::Binary;
use crate::http::gate::Permit;
use crate::http::headers::{self, Extra};
use crate::http::observe::RequestId;
use crate::http::parameters::SqlRequest;
use crate::http::problem::{Code, Problem};
use crate::http::record::{Recorder, RunningQuery};
use crate::http::state::App;
use crate::http::statements::{Done, Given, Statements};
use crate::output::Heading;

/// What statements other than a query did.
#[derive(Serialize, ToSchema)]
struct ChangeAnswer {
    /// None: so that every answer can be read the same way.
    #[schema(value_type = Vec<Object>)]
    columns: [(); 0],
    /// None.
    #[schema(value_type = Vec<Object>)]
    rows: [(); 0],
    /// The system time of the transaction; null if nothing was written.
    system_time: Option<String>,
    /// Rows put or retracted by all statements.
    row_count: u64,
    /// What each statement did, in order.
    statements: Vec<Done>,
    /// What the statements have left out, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notices: Vec<String>,
}

/// The answer of a query in JSON.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it is written piece by piece; this describes it")]
pub(crate) struct QueryAnswer {
    /// The columns in order.
    columns: Vec<ColumnDocument>,
    /// The system instant that was read at. Asked again with it as `system_time`, and with the same `valid_time`, the answer is the
    /// same for ever.
    system_time: Option<String>,
    /// What the answer leaves out, a sentence each; absent if nothing.
    notices: Option<Vec<String>>,
    /// The rows, each an array with a value for each column: null, booleans, numbers, strings. Instants are RFC 3339 in UTC;
    /// decimals and integers beyond 2^53 are strings.
    #[schema(value_type = Vec<Vec<Value>>)]
    rows: Vec<Vec<()>>,
}

/// A column of an answer.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it is written piece by piece; this describes it")]
pub(crate) struct ColumnDocument {
    /// Its name; two columns can have the same.
    name: String,
    /// Its type in SQL.
    #[schema(rename = "type", example = "BIGINT")]
    data_type: String,
}

/// Runs a query, or statements that are applied together or not at all.
///
/// The form of the rows goes by `Accept`. They are sent as they are computed: an answer that breaks off was cut short by an error.
#[utoipa::path(post, path = "/v1/sql", tag = "sql", request_body = SqlRequest, responses(
    (status = 200, description = "The rows of the query, or what the statements did", content(
        (QueryAnswer = "application/json"),
        (String = "application/x-ndjson"),
        (String = "text/csv"),
        (inline(Binary) = "application/vnd.apache.arrow.stream"),
    ), headers(
        ("X-Annals-System-Time" = String, description = "The system instant that was read or written at"),
        ("X-Annals-Notice" = String, description = "What the answer leaves out; once for each sentence"),
    )),
))]
pub(crate) async fn sql(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    check_version(parts.version)?;
    check_type(&parts.headers)?;
    let form = Form::accepted(&parts.headers)?;
    let limits = &app.config.limits;
    let body_limits =
        BodyLimits { bytes_max: limits.sql_bytes_max as u64, idle_ms_max: limits.read_ms_max };
    let request = SqlRequest::parse(&read_whole(body, body_limits).await?)?;
    let (values, (valid, system)) = (request.values()?, request.instants()?);
    let permit = app.gate.enter().await?;
    let answer_limits = AnswerLimits {
        row_count_max: limits.row_count_max,
        deadline: Instant::now() + Duration::from_millis(limits.query_ms_max),
        query_ms_max: limits.query_ms_max,
    };
    app.audit.room(answer_limits.deadline).await?;
    let recorder = Recorder::new(&app, &identity, &id);
    let mut session = app.sql.session();
    session.set_user(identity.name.to_string());
    session.set_memory_bytes_max(limits.query_memory_bytes_max.min(limits.memory_bytes_max));
    session.set_defaults(valid, system);
    let statements = Statements::read(&session, &request.sql, &values, &identity);
    let statements = statements.map_err(|refused| recorder.refused(&request.sql, refused))?;
    if (valid.is_some() || system.is_some()) && !statements.only_read() {
        let detail = "`valid_time` and `system_time` are for queries: a change says in its statement when it acts";
        return Err(Problem::new(Code::InvalidRequest, detail));
    }
    let cancel = CancelToken::new();
    session.set_cancel_token(cancel.clone());
    // What computes without a pause hears that its time is over, or nobody waits for it.
    let mut unanswered = CancelOnDrop(Some(cancel.clone()));
    let (given, permit) = if statements.only_read() {
        let mut running =
            pin!(statements.run(&mut session, &values, &answer_limits, form, &recorder));
        match timeout_at(answer_limits.deadline, &mut running).await {
            Ok(given) => (given?, permit),
            Err(_) => {
                recorder.cause().set(Code::TimeLimit);
                return Err(answer_limits.too_long());
            }
        }
    } else {
        let cause = recorder.cause();
        // It keeps its place to its end, also if nobody waits for that any more.
        let running = async move {
            let given =
                statements.run(&mut session, &values, &answer_limits, form, &recorder).await;
            given.map(|given| (given, permit))
        };
        Change::start(running, cancel.clone(), cause).end(&answer_limits).await?
    };
    let response = answered(&app, form, given, permit, answer_limits, cancel).await?;
    unanswered.0 = None;
    Ok(response)
}

/// The rows of the query that the request ends with, or what its statements did.
async fn answered(
    app: &Arc<App>,
    form: Form,
    given: Given,
    permit: Permit,
    limits: AnswerLimits,
    cancel: CancelToken,
) -> Result<Response, Problem> {
    let Some(rows) = given.query else { return changed(app, given) };
    let system_time = given.committed_at.or(given.read_at);
    let extra = Extra { system_time, notices: given.notices };
    let heading = Heading {
        system_time: extra.system_time.map(|at| at.to_string()),
        notices: extra.notices.clone(),
    };
    let encoder = Encoder::new(form, &rows.schema(), &heading)?;
    let limits = match given.committed_at {
        Some(_) => limits.committed(),
        None => limits,
    };
    let ending = Box::new(RunningQuery { app: app.clone(), record: given.record, permit });
    let response = answer::respond(rows, encoder, form, limits, ending, cancel, given.is_computed);
    let mut response = response.await?;
    headers::add(&mut response, &extra);
    Ok(response)
}

/// Gives up what is asked for, unless it is answered.
struct CancelOnDrop(Option<CancelToken>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(cancel) = &self.0 {
            cancel.cancel();
        }
    }
}

fn changed(app: &App, given: Given) -> Result<Response, Problem> {
    let at = match given.committed_at.or(given.read_at) {
        Some(at) => at,
        None => app.sql.database().snapshot()?.system_time(),
    };
    let answer = ChangeAnswer {
        columns: [],
        rows: [],
        system_time: given.committed_at.map(|at| at.to_string()),
        row_count: given.done.iter().map(|done| done.row_count).sum(),
        statements: given.done,
        notices: given.notices.clone(),
    };
    let mut response = headers::json(&answer);
    headers::add(&mut response, &Extra { system_time: Some(at), notices: given.notices });
    Ok(response)
}

/// In HTTP/1.0 an answer of unknown length ends with its connection, and a part of it looks whole.
fn check_version(version: Version) -> Result<(), Problem> {
    match version {
        Version::HTTP_09 | Version::HTTP_10 => {
            let detail = format!(
                "the request is {version:?}, and answers could look whole that are not; ask in HTTP/1.1"
            );
            Err(Problem::new(Code::HttpVersion, detail))
        }
        _ => Ok(()),
    }
}

/// A body of another type is refused, also because a browser sends some to any site without asking.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(header::CONTENT_TYPE);
    let text = given.map_or("", |value: &HeaderValue| value.to_str().unwrap_or_default());
    let media_type = text.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = format!("`Content-Type` is `{text}`; statements come as `application/json`");
    Err(Problem::new(Code::UnsupportedMediaType, detail))
}
