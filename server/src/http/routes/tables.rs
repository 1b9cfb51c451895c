//! `GET /v1/tables` and `GET /v1/tables/{t}`: the catalogue.

use std::sync::Arc;

use annals_engine::{Database, PartitionInfo, TableSchema};
use axum::extract::{Extension, State};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Identity, Role};
use crate::http::access::check_role;
use crate::http::extract::Names;
use crate::http::headers::{self, Extra};
use crate::http::problem::{Code, Problem};
use crate::http::state::App;

/// All tables.
#[derive(Serialize, ToSchema)]
struct TableList {
    /// In the order in which they were made.
    tables: Vec<TableDocument>,
}

/// A table.
#[derive(Serialize, ToSchema)]
pub(crate) struct TableDocument {
    /// Its name.
    name: String,
    /// Whether its rows are events, which happen at an instant and supersede nothing.
    is_event: bool,
    /// The columns of its key, in order; empty for events.
    key: Vec<String>,
    /// How wide its time partitions are: HOUR, DAY, WEEK, MONTH, QUARTER or YEAR.
    partition_width: String,
    /// How long versions are kept after their end, and what becomes of them then; absent if for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    retention: Option<String>,
    /// Its columns in order.
    columns: Vec<TableColumn>,
    /// Versions in its live segments.
    row_count: u64,
    /// Bytes of their files.
    bytes: u64,
}

/// A column of a table.
#[derive(Serialize, ToSchema)]
pub(crate) struct TableColumn {
    /// Its name.
    name: String,
    /// Its type in SQL.
    #[serde(rename = "type")]
    data_type: String,
    /// Whether it may be NULL.
    is_nullable: bool,
}

/// The names of Annals's own tables begin so.
pub(crate) const RESERVED: &str = "annals.";

/// The catalogue.
#[utoipa::path(get, path = "/v1/tables", operation_id = "list_tables", tag = "catalogue", responses(
    (status = 200, description = "All tables", body = TableList),
))]
pub(crate) async fn list(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
) -> Result<Response, Problem> {
    check_role(&identity, Role::Reader, "the catalogue")?;
    let database = app.sql.database();
    let partitions = database.partitions()?;
    let tables = database.tables().into_iter();
    let tables = tables.filter(|table| !table.name.starts_with(RESERVED));
    let tables = tables.map(|table| document(database, &table, &partitions));
    answer(database, &TableList { tables: tables.collect::<Result<_, _>>()? })
}

/// One table.
#[utoipa::path(get, path = "/v1/tables/{table}", operation_id = "get_table", tag = "catalogue",
    params(("table" = String, Path, description = "Its name")),
    responses((status = 200, description = "The table", body = TableDocument)),
)]
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    Extension(identity): Extension<Identity>,
    Names(name): Names<String>,
) -> Result<Response, Problem> {
    check_role(&identity, Role::Reader, "the catalogue")?;
    let database = app.sql.database();
    let table = find(database, &name)?;
    answer(database, &document(database, &table, &database.partitions()?)?)
}

/// The table of this name.
pub(crate) fn find(database: &Database, name: &str) -> Result<Arc<TableSchema>, Problem> {
    database.table(name).map_err(|error| Problem::new(Code::NotFound, error.to_string()))
}

/// A document about the database as it is.
pub(crate) fn answer(database: &Database, document: &impl Serialize) -> Result<Response, Problem> {
    let mut response = headers::json(document);
    let system_time = Some(database.snapshot()?.system_time());
    headers::add(&mut response, &Extra { system_time, notices: Vec::new() });
    Ok(response)
}

fn document(
    database: &Database,
    table: &TableSchema,
    partitions: &[PartitionInfo],
) -> Result<TableDocument, Problem> {
    let name_of = |at: &usize| table.columns[*at].name.clone();
    let own = || {
        let is_live = |info: &&PartitionInfo| {
            info.table == table.name && info.state == annals_engine::PartitionState::Live
        };
        partitions.iter().filter(is_live)
    };
    let is_hidden = |at: usize| table.is_event && table.key.contains(&at);
    let columns = table.columns.iter().enumerate().filter(|(at, _)| !is_hidden(*at));
    let columns = columns.map(|(_, column)| TableColumn {
        name: column.name.clone(),
        data_type: column.data_type.to_string(),
        is_nullable: column.nullable,
    });
    Ok(TableDocument {
        name: table.name.clone(),
        is_event: table.is_event,
        key: if table.is_event { Vec::new() } else { table.key.iter().map(name_of).collect() },
        partition_width: format!("{:?}", table.partition_width).to_uppercase(),
        retention: database.retention(&table.name)?.map(|retention| retention.to_string()),
        columns: columns.collect(),
        row_count: own().map(|info| info.row_count).sum(),
        bytes: own().map(|info| info.bytes).sum(),
    })
}
