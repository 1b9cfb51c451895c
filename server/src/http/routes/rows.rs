//! `POST /v1/tables/{t}/rows`: bulk ingest.

use std::sync::Arc;
use std::time::Duration;

use annals_query::Access;
use axum::extract::{Extension, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use super::tables::find;
use crate::auth::{Identity, Role};
use crate::error::Failure;
use crate::http::access::check_role;
use crate::http::body::{BodyLimits, feed, is_gone};
use crate::http::description::Binary;
use crate::http::extract::{Names, Parameters};
use crate::http::headers::{self, Extra};
use crate::http::observe::RequestId;
use crate::http::problem::{Code, Problem};
use crate::http::record::Recorder;
use crate::http::state::App;
use crate::import::plan::check_target;
use crate::ingest::{
    Encoding, Format, IdempotencyKey, Ingest, Ingested, Op, check_idempotency_key,
};

/// What is said of the rows.
#[derive(Clone, Debug, Deserialize, Serialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RowsParameters {
    /// What is done with every row: `put`, unless it says `delete`.
    #[serde(default)]
    #[param(inline)]
    op: Op,
    /// The column of the body that says `put` or `delete` row by row, in place of `op`.
    op_column: Option<String>,
    /// The column with the start of the valid period; `_valid_from`, if the body has it, unless given.
    valid_from: Option<String>,
    /// The column with the end of the valid period; `_valid_to`, if the body has it, unless given.
    valid_to: Option<String>,
    /// The column with the system time: consecutive rows of one are a transaction of that time.
    system_time: Option<String>,
}

/// What was written.
#[derive(Serialize, ToSchema)]
pub(crate) struct RowsAnswer {
    /// Committed transactions.
    transactions: u64,
    /// Rows put and deleted.
    rows: u64,
    /// The system time of the last transaction; null if there was none.
    system_time: Option<String>,
}

/// Puts or deletes the rows of a body: all in one transaction, unless `system_time` splits them. What is answered is durable.
#[utoipa::path(post, path = "/v1/tables/{table}/rows", tag = "ingest",
    params(
        ("table" = String, Path, description = "The table"),
        RowsParameters,
        ("Idempotency-Key" = Option<String>, Header, nullable = false, min_length = 1, max_length = 255, pattern = "^[!-~]([ -~]*[!-~])?$", description = "With it a retry is applied once and answered as the first was; 1 to 255 printable characters"),
        ("Content-Encoding" = inline(Option<Encoding>), Header, description = "How the body is compressed"),
    ),
    request_body(content(
        (String = "application/x-ndjson"),
        (String = "text/csv"),
        (inline(Binary) = "application/vnd.apache.parquet"),
        (inline(Binary) = "application/vnd.apache.arrow.stream"),
    )),
    responses((status = 200, description = "What was written; it is durable", body = RowsAnswer, headers(
        ("Idempotency-Replayed" = String, description = "`true` if an earlier request with the key has written it"),
    ))),
)]
pub(crate) async fn ingest(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    Extension(id): Extension<RequestId>,
    Names(table): Names<String>,
    Parameters(parameters): Parameters<RowsParameters>,
    request: Request,
) -> Result<Response, Problem> {
    let recorder = Recorder::new(&app, &identity, &id);
    let text = format!("INGEST INTO {table}");
    let begin = || recorder.begin_text(Access::Write, || text.clone());
    let (parts, body) = request.into_parts();
    let checked = check_role(&identity, Role::Writer, "an ingest");
    let ingest = checked.and_then(|()| read(&app, table, parameters, &parts.headers));
    let ingest = ingest.inspect_err(|problem| begin().end(Some(problem.code)))?;
    let limits = &app.config.limits;
    let body_limits =
        BodyLimits { bytes_max: limits.body_bytes_max as u64, idle_ms_max: limits.read_ms_max };
    let (feed, reader) = feed(body, body_limits)?;
    let permit = app.ingest_gate.enter().await?;
    app.audit.room(Instant::now() + Duration::from_millis(limits.query_ms_max)).await?;
    let record = begin();
    let (ingester, counted) = (app.ingester.clone(), app.clone());
    let kept = ingest.kept.clone();
    let work = tokio::task::spawn_blocking(move || {
        let (_permit, mut record) = (permit, record);
        let done = ingester.ingest(ingest, Box::new(reader));
        // Of several transactions some can be written though a later one fails.
        let written = *kept.lock();
        counted.metrics.rows_ingested.inc_by(written.row_count);
        record.read(done.as_ref().map_or(written.row_count, |done| done.row_count), None);
        record.committed_at(done.as_ref().map_or(written.system_time, |done| done.system_time));
        let is_gone = matches!(&done, Err(Failure::Body(_, source)) if is_gone(source));
        let done = done.map_err(Problem::from);
        if !is_gone {
            record.end(done.as_ref().err().map(|problem| problem.code));
        }
        done
    });
    let ((), done) = tokio::join!(feed.run(), work);
    let done = done.map_err(|_| {
        Problem::new(Code::Internal, "the server failed while it ran the request")
    })??;
    Ok(answered(&done))
}

fn answered(done: &Ingested) -> Response {
    let mut response = headers::json(&RowsAnswer {
        transactions: done.transaction_count,
        rows: done.row_count,
        system_time: done.system_time.map(|at| at.to_string()),
    });
    headers::add(&mut response, &Extra { system_time: done.system_time, notices: Vec::new() });
    if done.is_replay {
        headers::add_replayed(&mut response);
    }
    response
}

fn read(
    app: &App,
    table: String,
    parameters: RowsParameters,
    headers: &HeaderMap,
) -> Result<Ingest, Problem> {
    find(app.sql.database(), &table)?;
    check_target(&table).map_err(|error| Problem::invalid(error.to_string()))?;
    let refuse = |detail: String| Problem::new(Code::UnsupportedMediaType, detail);
    let content_type = text(headers, "content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let format = format_of(media_type).ok_or_else(|| {
        refuse(format!("`Content-Type` is `{content_type}`, none that rows come in"))
    })?;
    let encoding = text(headers, "content-encoding").unwrap_or("identity");
    let encoding = encoding_of(encoding).ok_or_else(|| {
        refuse(format!("`Content-Encoding` is `{encoding}`; `gzip` and `zstd` are taken"))
    })?;
    let hours = app.config.ingest.idempotency_hours;
    let hours = u32::try_from(hours).unwrap_or(u32::MAX);
    let key = text(headers, "idempotency-key");
    if let Some(key) = key {
        check_idempotency_key(key).map_err(|error| Problem::invalid(error.to_string()))?;
    }
    Ok(Ingest {
        table,
        op: parameters.op,
        op_column: parameters.op_column,
        valid_from: parameters.valid_from,
        valid_to: parameters.valid_to,
        system_time: parameters.system_time,
        format,
        encoding,
        decoded_bytes_max: app.config.limits.body_bytes_max as u64,
        kept: Arc::default(),
        idempotency: key.map(|key| IdempotencyKey { key: key.to_owned(), hours }),
    })
}

/// A header; what is no ASCII is no value of any that are asked for.
fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    Some(headers.get(name)?.to_str().unwrap_or("\u{fffd}"))
}

fn format_of(media_type: &str) -> Option<Format> {
    Some(match media_type.to_ascii_lowercase().as_str() {
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Format::Ndjson,
        "text/csv" => Format::Csv,
        "application/vnd.apache.parquet" => Format::Parquet,
        "application/vnd.apache.arrow.stream" => Format::Arrow,
        _ => return None,
    })
}

fn encoding_of(name: &str) -> Option<Encoding> {
    Some(match name.trim().to_ascii_lowercase().as_str() {
        "identity" => Encoding::Identity,
        "gzip" | "x-gzip" => Encoding::Gzip,
        "zstd" => Encoding::Zstd,
        _ => return None,
    })
}
