//! Queries that last as long as anybody lets them, so that no test depends on how fast a machine is.

use std::io::Read;

use super::client::{Connection, Head};
use super::request::Request;
use super::server::Server;

/// A million million rows.
pub(crate) const ENDLESS: &str = "SELECT a.value AS a, b.value AS b
    FROM generate_series(1, 1000000) AS a CROSS JOIN generate_series(1, 1000000) AS b";

/// As many, before there is the first row of the answer.
pub(crate) const SILENT: &str = "SELECT sum(a.value * b.value)
    FROM generate_series(1, 1000000) AS a CROSS JOIN generate_series(1, 1000000) AS b";

/// As many pairs, of which a join takes none.
pub(crate) const FRUITLESS: &str = "SELECT count(*) FROM generate_series(1, 1000000) AS a
    JOIN generate_series(1, 1000000) AS b ON a.value * b.value = -1";

/// As many, of which a join by a key takes none.
pub(crate) const FRUITLESS_BY_KEY: &str = "SELECT count(*) FROM generate_series(1, 1000000) AS a
    JOIN generate_series(1, 1000000) AS b ON a.value % 2 = b.value % 2 AND a.value * b.value = -1";

/// As many, on their way to a change.
pub(crate) const SILENT_CHANGE: &str = "INSERT INTO t SELECT max(a.value * b.value), 1
    FROM generate_series(1, 1000000) AS a CROSS JOIN generate_series(1, 1000000) AS b";

/// A client that has asked for an endless answer and read its head, but takes no more of it.
pub(crate) fn stalled(server: &Server) -> (Connection, Head) {
    let mut client = server.connect();
    client.send(Request::sql(ENDLESS).accept("text/csv").bytes()).unwrap();
    let head = client.head().unwrap();
    assert_eq!(head.status, 200, "{head:?}");
    (client, head)
}

/// A client that has asked and been heard: its request is one of `running_count` that run.
pub(crate) fn asked(server: &Server, sql: &str, running_count: u64) -> Connection {
    let mut client = server.connect();
    client.send(Request::sql(sql).bytes()).unwrap();
    server.wait_for_metric("annals_running", |count| count == running_count);
    client
}

/// Reads the rest of an answer until it breaks off, which it must; gives what came.
#[track_caller]
pub(crate) fn broken(client: &mut Connection, head: &Head) -> String {
    let mut bytes = Vec::new();
    let error = client.body(head).read_to_end(&mut bytes).unwrap_err();
    assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "it hangs");
    String::from_utf8(bytes).unwrap()
}
