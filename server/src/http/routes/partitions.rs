//! The life of partitions: listed, detached, attached, archived, dropped.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use annals_engine::disk::is_url;
use annals_engine::{Database, ErrorKind, Partition, PartitionChange, PartitionInfo, ValidTime};
use annals_query::Access;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::Response;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::tables::{answer, find};
use crate::auth::{Identity, Role};
use crate::http::access::check_role;
use crate::http::body::{BodyLimits, read_object, read_whole};
use crate::http::extract::{Names, Parameters};
use crate::http::observe::RequestId;
use crate::http::problem::{Code, Problem};
use crate::http::record::Recorder;
use crate::http::state::App;

/// The partitions of a table.
#[derive(Serialize, ToSchema)]
struct PartitionList {
    /// In order of time, `current` last.
    partitions: Vec<PartitionDocument>,
}

/// A partition.
#[derive(Serialize, ToSchema)]
struct PartitionDocument {
    /// Its name.
    #[schema(example = "2024-03")]
    partition: String,
    /// The first instant of its range; null for `current`.
    range_from: Option<String>,
    /// The first instant after it; null for `current`.
    range_to: Option<String>,
    /// `live`, `detached`, `archived` or `dropped`.
    state: String,
    /// Versions in it.
    row_count: u64,
    /// Bytes of its files.
    bytes: u64,
    /// The folder that holds it; null if it was dropped.
    location: Option<String>,
}

/// What became of a partition, or would.
#[derive(Serialize, ToSchema)]
struct PartitionChanged {
    /// The table.
    table: String,
    /// The partition.
    partition: String,
    /// What it is now; `live` for what only would be done.
    state: String,
    /// Versions in it.
    row_count: u64,
    /// Bytes of its files.
    bytes: u64,
    /// The folder that holds it now; null if there is none.
    location: Option<String>,
    /// As of earlier instants than this, on one axis at least, answers need the partition.
    lost_before: Option<String>,
}

/// Whether only to tell what would leave.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DryRun {
    /// Tell what would leave and do nothing.
    #[serde(default)]
    dry_run: bool,
}

/// From where a partition comes back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttachRequest {
    /// The folder, as the server sees it; where it was put if left out.
    #[serde(default)]
    from: Option<String>,
}

/// Where a partition goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArchiveRequest {
    /// The folder, as the server sees it; it must be missing or empty.
    #[schema(example = "/archive/salaries/2024-03")]
    to: String,
}

/// What is asked about a partition.
type Named = Names<(String, String)>;

/// What all changes of partitions need.
pub(crate) struct Change {
    app: Arc<App>,
    identity: Identity,
    id: RequestId,
    table: String,
    partition: Partition,
}

/// What a change does.
type Work =
    dyn FnOnce(&Database, &str, Partition, &str) -> annals_engine::Result<PartitionChange> + Send;

impl Change {
    /// An error unless the role allows it and there can be such a partition. Whether it is there is found out when it is
    /// changed: rows that have ended lie in `current`, or in memory, until then.
    fn of(
        app: Arc<App>,
        identity: Identity,
        id: RequestId,
        (table, partition): (String, String),
    ) -> Result<Change, Problem> {
        let checked = check_role(&identity, Role::Admin, "a change of a partition")
            .and_then(|()| find(app.sql.database(), &table))
            .and_then(|_| Partition::parse(&partition).map_err(|_| none_of(&table, &partition)));
        match checked {
            Ok(partition) => Ok(Change { app, identity, id, table, partition }),
            Err(problem) => {
                let text = || format!("CHANGE PARTITION '{partition}' OF {table}");
                let recorder = Recorder::new(&app, &identity, &id);
                recorder.begin_text(Access::Define, text).end(Some(problem.code));
                Err(problem)
            }
        }
    }

    /// Does it on a thread of its own, to the end even if the client goes away, and puts it on record.
    async fn run(self, what: &'static str, work: Box<Work>) -> Result<Response, Problem> {
        let permit = self.app.gate.enter().await?;
        let Change { app, identity, id, table, partition } = self;
        let text = || format!("{what} PARTITION '{}' OF {table}", partition.name());
        let record = Recorder::new(&app, &identity, &id).begin_text(Access::Define, text);
        let database = app.sql.database().clone();
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let done = work(&database, &table, partition, &identity.name);
            let done = done.map_err(|error| refused(&database, &table, partition, error));
            record.end(done.as_ref().err().map(|problem| problem.code));
            done
        });
        let done = done.await.map_err(|_| {
            Problem::new(Code::Internal, "the server failed while it ran the request")
        })?;
        answer(app.sql.database(), &changed(&done?))
    }
}

/// The partitions of a table, also those that have left.
#[utoipa::path(get, path = "/v1/tables/{table}/partitions", tag = "partitions",
    operation_id = "list_partitions",
    params(("table" = String, Path, description = "The table")),
    responses((status = 200, description = "Its partitions", body = PartitionList)),
)]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    Names(table): Names<String>,
) -> Result<Response, Problem> {
    check_role(&identity, Role::Reader, "the catalogue")?;
    let database = app.sql.database();
    find(database, &table)?;
    let mut found = database.partitions()?;
    found.retain(|info| info.table == table);
    let partitions = found.into_iter().map(|info| PartitionDocument {
        range_from: bounded(info.range.0),
        range_to: bounded(info.range.1),
        state: info.state.to_string(),
        partition: info.partition,
        row_count: info.row_count,
        bytes: info.bytes,
        location: info.location,
    });
    answer(database, &PartitionList { partitions: partitions.collect() })
}

/// Takes a partition out of every query and leaves it in a folder of its own.
#[utoipa::path(post, path = "/v1/tables/{table}/partitions/{partition}/detach", tag = "partitions",
    operation_id = "detach_partition",
    params(("table" = String, Path), ("partition" = String, Path), DryRun),
    responses((status = 200, description = "What has left, or would", body = PartitionChanged)),
)]
pub(crate) async fn detach(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    Extension(id): Extension<RequestId>,
    Names(named): Named,
    Parameters(dry_run): Parameters<DryRun>,
) -> Result<Response, Problem> {
    let change = Change::of(app, identity, id, named)?;
    if dry_run.dry_run {
        return preview(change).await;
    }
    change
        .run(
            "DETACH",
            Box::new(|database, table, partition, by| {
                first(database.detach_partitions(table, &[partition], by)?)
            }),
        )
        .await
}

/// Deletes a partition, live or detached, for ever.
#[utoipa::path(delete, path = "/v1/tables/{table}/partitions/{partition}", tag = "partitions",
    operation_id = "drop_partition",
    params(("table" = String, Path), ("partition" = String, Path), DryRun),
    responses((status = 200, description = "What has left, or would", body = PartitionChanged)),
)]
pub(crate) async fn remove(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    Extension(id): Extension<RequestId>,
    Names(named): Named,
    Parameters(dry_run): Parameters<DryRun>,
) -> Result<Response, Problem> {
    let change = Change::of(app, identity, id, named)?;
    if dry_run.dry_run {
        return preview(change).await;
    }
    change
        .run(
            "DROP",
            Box::new(|database, table, partition, by| {
                first(database.drop_partitions(table, &[partition], by)?)
            }),
        )
        .await
}

/// Brings a partition back, once every byte of it is verified.
#[utoipa::path(post, path = "/v1/tables/{table}/partitions/{partition}/attach", tag = "partitions",
    operation_id = "attach_partition",
    params(("table" = String, Path), ("partition" = String, Path)),
    request_body(content = Option<AttachRequest>),
    responses((status = 200, description = "What is back", body = PartitionChanged)),
)]
pub(crate) async fn attach(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    Extension(id): Extension<RequestId>,
    Names(named): Named,
    request: Request,
) -> Result<Response, Problem> {
    let change = Change::of(app, identity, id, named)?;
    let asked: AttachRequest = read(&change.app, request.into_body()).await?.unwrap_or_default();
    let from = asked.from.map(|from| folder(&change.app, "from", &from)).transpose()?;
    change
        .run(
            "ATTACH",
            Box::new(move |database, table, partition, by| {
                database.attach_partition(table, partition, from.as_deref(), by)
            }),
        )
        .await
}

/// Moves a partition, live or detached, into a folder elsewhere, as plain Parquet files.
#[utoipa::path(post, path = "/v1/tables/{table}/partitions/{partition}/archive", tag = "partitions",
    operation_id = "archive_partition",
    params(("table" = String, Path), ("partition" = String, Path)),
    request_body = ArchiveRequest,
    responses((status = 200, description = "What has left", body = PartitionChanged)),
)]
pub(crate) async fn archive(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    Extension(id): Extension<RequestId>,
    Names(named): Named,
    request: Request,
) -> Result<Response, Problem> {
    let change = Change::of(app, identity, id, named)?;
    let asked: Option<ArchiveRequest> = read(&change.app, request.into_body()).await?;
    let asked = asked.ok_or_else(|| Problem::invalid("the body is missing: it names a folder"))?;
    let to = folder(&change.app, "to", &asked.to)?;
    change
        .run(
            "ARCHIVE",
            Box::new(move |database, table, partition, by| {
                database.archive_partition(table, partition, to, by)
            }),
        )
        .await
}

async fn preview(change: Change) -> Result<Response, Problem> {
    let permit = change.app.gate.enter().await?;
    let Change { app, table, partition, .. } = change;
    let database = app.sql.database().clone();
    let would = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let would = database.preview_partitions(&table, &[partition]);
        first(would.map_err(|error| refused(&database, &table, partition, error))?)
            .map_err(Problem::from)
    });
    let would = would
        .await
        .map_err(|_| Problem::new(Code::Internal, "the server failed while it ran the request"))?;
    answer(app.sql.database(), &changed(&would?))
}

/// Why a partition was not changed: it may be that there is none.
fn refused(
    database: &Database,
    table: &str,
    partition: Partition,
    error: annals_engine::Error,
) -> Problem {
    let name = partition.name();
    let is_it = |info: &PartitionInfo| info.table == table && info.partition == name;
    let is_there = database.partitions().is_ok_and(|partitions| partitions.iter().any(is_it));
    match error.kind() {
        ErrorKind::Invalid if !is_there => none_of(table, &name),
        _ => error.into(),
    }
}

fn none_of(table: &str, partition: &str) -> Problem {
    Problem::new(Code::NotFound, format!("table `{table}` has no partition `{partition}`"))
}

fn first(mut changes: Vec<PartitionChange>) -> annals_engine::Result<PartitionChange> {
    let change = changes.pop();
    change.ok_or_else(|| annals_engine::Error::invalid("there is nothing to change"))
}

/// A body in JSON; nothing if it is empty, or null.
async fn read<T: DeserializeOwned>(app: &App, body: Body) -> Result<Option<T>, Problem> {
    let limits = &app.config.limits;
    let limits =
        BodyLimits { bytes_max: limits.sql_bytes_max as u64, idle_ms_max: limits.read_ms_max };
    let body = read_whole(body, limits).await?;
    match body.iter().all(u8::is_ascii_whitespace) {
        true => Ok(None),
        false => read_object(&body),
    }
}

/// A folder or a URL of object storage, if it is where archives may be.
fn folder(app: &App, name: &str, text: &str) -> Result<PathBuf, Problem> {
    let refuse = |what: &str| Problem::invalid(format!("`{name}`: {what}"));
    match Path::new(text).is_absolute() || is_url(Path::new(text)) {
        true => app.sql.archive_dir(text).map_err(|error| refuse(error.message())),
        false => Err(refuse(&format!("{text} is not an absolute path"))),
    }
}

fn changed(change: &PartitionChange) -> PartitionChanged {
    PartitionChanged {
        table: change.table.clone(),
        partition: change.partition.clone(),
        state: change.state.to_string(),
        row_count: change.row_count,
        bytes: change.bytes,
        location: change.location.clone(),
        lost_before: (!change.before.is_unbounded()).then(|| change.before.to_string()),
    }
}

fn bounded(at: ValidTime) -> Option<String> {
    (!at.is_unbounded()).then(|| at.to_string())
}
