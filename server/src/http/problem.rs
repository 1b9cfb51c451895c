//! What went wrong, as RFC 9457 has it: `application/problem+json` with a code that never changes its meaning.

use annals_engine::ErrorKind;
use annals_query::{Error, Place};
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::body::problem_of;
use crate::error::{Failure, Kind};

/// Declares the codes, each with its status, its title and what it means, which the documentation shows.
macro_rules! codes {
    ($($name:ident $text:literal $status:literal $title:literal $meaning:literal;)+) => {
        /// What kind of problem it is; clients decide by it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Code { $(#[doc = $meaning] $name),+ }

        impl Code {
            /// All of them, in the order of the documentation.
            pub(crate) const ALL: &[Code] = &[$(Code::$name),+];

            /// As clients see it.
            pub(crate) fn text(self) -> &'static str {
                match self { $(Code::$name => $text),+ }
            }

            /// The status of an answer with this problem.
            pub(crate) fn status(self) -> StatusCode {
                let number: u16 = match self { $(Code::$name => $status),+ };
                StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            /// The same for all problems of this code.
            pub(crate) fn title(self) -> &'static str {
                match self { $(Code::$name => $title),+ }
            }

            /// What it means, and what the client can do.
            pub(crate) fn meaning(self) -> &'static str {
                match self { $(Code::$name => $meaning),+ }
            }
        }
    };
}

codes! {
    InvalidRequest "invalid_request" 400 "The request is wrong" "The body is not what the route takes, or a parameter or header is wrong. Nothing was done; change the request.";
    InvalidStatement "invalid_statement" 400 "The statement is wrong" "A statement cannot be read or makes no sense; `line` and `column` say where, if a place is known. Nothing of the request is kept.";
    InvalidRows "invalid_rows" 400 "A row is wrong" "A row of a bulk ingest is wrong, or the body is not in its format, or lacks a column; `detail` names line, number or column. Nothing of its transaction is kept.";
    Unauthenticated "unauthenticated" 401 "A token is needed" "No token, or one that is not known or has expired.";
    Forbidden "forbidden" 403 "The role does not allow it" "The token's role does not allow the route or the statement. Nothing was done.";
    CrossOrigin "cross_origin" 403 "Asked from a page of another site" "A server without tokens answers no pages of other sites, and only names of this machine. Nothing was done.";
    NotFound "not_found" 404 "There is no such thing" "No such route, table or partition.";
    MethodNotAllowed "method_not_allowed" 405 "The route takes other methods" "The route is there, but not for this method.";
    NotAcceptable "not_acceptable" 406 "No form of the answer is accepted" "`Accept` names none of `application/json`, `application/x-ndjson`, `text/csv`, `application/vnd.apache.arrow.stream`.";
    SlowRequest "slow_request" 408 "The body did not arrive" "No byte of the body arrived for `limits.read_ms_max`. Nothing of the open transaction is kept.";
    Conflict "conflict" 409 "Something expected does not hold" "An ASSERT does not hold, an INSERT meets what is valid already, or another transaction came between. Nothing was written; read again and decide.";
    InProgress "request_in_progress" 409 "The first request is still running" "Another request with the same `Idempotency-Key` is running. Retry later.";
    Sealed "partition_sealed" 409 "The partition is sealed" "A write concerns a partition that was detached, archived or dropped. Nothing was written; attach it first.";
    Held "held" 409 "A hold keeps it" "A hold keeps what was to be dropped or erased. Nothing was changed; release it first.";
    Erased "erased" 409 "Something was erased meanwhile" "The snapshot is older than an erasure in a table that it reads. Ask again.";
    Missing "partition_missing" 410 "A partition is not part of the database" "The answer may lie in a partition that was detached, archived or dropped. Attach it, or ask for what is left with `ALLOW PARTIAL`.";
    BodyTooLarge "body_too_large" 413 "The body is too large" "It is larger than `limits.body_bytes_max` or `limits.sql_bytes_max`, as it comes or unpacked. Nothing of the open transaction is kept.";
    TransactionTooLarge "transaction_too_large" 413 "The transaction is too large" "It takes more memory than one transaction may, or than there is. Nothing of it is kept; write in several.";
    UnsupportedMediaType "unsupported_media_type" 415 "The body is of a form that is not taken" "`Content-Type` or `Content-Encoding` is none that the route takes.";
    KeyReused "idempotency_key_reused" 422 "The key belongs to another request" "A request with the same `Idempotency-Key` had other parameters or another body. Nothing was written.";
    StatementTooDeep "statement_too_deep" 422 "The statement is nested too deeply" "Its syntax is nested too deeply to be read.";
    TimeLimit "time_limit" 422 "The query took too long" "It ran for longer than `limits.query_ms_max` and was cancelled. Nothing was written.";
    RowLimit "row_limit" 422 "The answer has too many rows" "It has more rows than `limits.row_count_max`.";
    MemoryLimit "memory_limit" 422 "The query needs too much memory" "It needs more than `limits.query_memory_bytes_max`, or all queries together more than `limits.memory_bytes_max`. Nothing was written.";
    HeadersTooLarge "headers_too_large" 431 "The headers are too large" "They are larger than `limits.header_bytes_max`. The answer to this one has no body.";
    Internal "internal" 500 "The server failed" "A defect of the server; the log has more under the request's id.";
    Corrupt "corrupt" 500 "Stored bytes are damaged" "What is stored is not what was written; `detail` names file and offset. Other partitions still answer.";
    HttpVersion "http_version" 505 "The version of HTTP is too old" "`/v1/sql` takes HTTP/1.1: in HTTP/1.0 an answer that broke off looks whole. Nothing was done.";
    Overloaded "overloaded" 503 "Too many requests are waiting" "As many requests run and wait as may. Retry after `Retry-After` seconds.";
    QueueTimeout "queue_timeout" 503 "The request waited too long" "It waited longer than `limits.queue_ms_max` for others to end. Retry after `Retry-After` seconds.";
    Halted "halted" 503 "Writes have stopped" "A write or sync failed, so that none is taken until the server is started again; then it shows whether this one is there. Reads go on.";
    Unavailable "unavailable" 503 "The server is not available" "It is ending, or the operating system refused to read or write a file. Retry.";
}

/// A problem on its way to a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// What kind.
    pub(crate) code: Code,
    /// A sentence with the values in it.
    pub(crate) detail: String,
    /// Where in the statement.
    pub(crate) place: Option<Place>,
}

/// A problem as clients read it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument<'a> {
    /// `urn:annals:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The same for all problems of the code.
    title: &'a str,
    /// The status of the answer.
    status: u16,
    /// What happened this time, with the values in it.
    detail: &'a str,
    /// What kind of problem it is; it never changes its meaning.
    code: &'a str,
    /// The line of the statement that it speaks of, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// The character in that line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u64>,
}

impl Problem {
    /// A problem with a sentence.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Problem {
        Problem { code, detail: detail.into(), place: None }
    }

    /// The request is wrong.
    pub(crate) fn invalid(detail: impl Into<String>) -> Problem {
        Problem::new(Code::InvalidRequest, detail)
    }

    /// A statement that cannot be read.
    pub(crate) fn of_syntax(error: &Error) -> Problem {
        let code = match error.kind() {
            ErrorKind::Exhausted => Code::StatementTooDeep,
            kind => of_kind(kind),
        };
        Problem { code, detail: error.message().to_owned(), place: error.place() }
    }

    /// The document, without the status line and headers.
    pub(crate) fn document(&self) -> ProblemDocument<'_> {
        ProblemDocument {
            kind: format!("urn:annals:problem:{}", self.code.text()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: &self.detail,
            code: self.code.text(),
            line: self.place.map(|place| place.line),
            column: self.place.map(|place| place.column),
        }
    }
}

/// The code of an error of the engine, or of the language while a statement runs.
fn of_kind(kind: ErrorKind) -> Code {
    match kind {
        ErrorKind::Invalid => Code::InvalidStatement,
        ErrorKind::Exhausted => Code::MemoryLimit,
        ErrorKind::Conflict => Code::Conflict,
        ErrorKind::Corrupt => Code::Corrupt,
        ErrorKind::Halted => Code::Halted,
        ErrorKind::Erased => Code::Erased,
        ErrorKind::Missing => Code::Missing,
        ErrorKind::Sealed => Code::Sealed,
        ErrorKind::Held => Code::Held,
        ErrorKind::Unavailable | ErrorKind::Io => Code::Unavailable,
        _ => Code::Internal,
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let (code, place) = (of_kind(error.kind()), error.place());
        Problem { code, detail: error.message().to_owned(), place }
    }
}

impl From<annals_engine::Error> for Problem {
    fn from(error: annals_engine::Error) -> Problem {
        let code = match error.kind() {
            ErrorKind::Invalid => Code::InvalidRequest,
            ErrorKind::Exhausted => Code::TransactionTooLarge,
            kind => of_kind(kind),
        };
        Problem::new(code, error.to_string())
    }
}

/// Of rows that were to be written.
impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        let detail = failure.to_string();
        let code = match failure {
            Failure::Statement(error) => return error.into(),
            Failure::Body(_, source) => problem_of(&source).map(|problem| problem.code),
            failure => failure.kind().map(of_failure),
        };
        let code = code.unwrap_or(Code::Internal);
        Problem::new(code, detail)
    }
}

fn of_failure(kind: Kind) -> Code {
    match kind {
        Kind::Engine(ErrorKind::Invalid) | Kind::Malformed => Code::InvalidRows,
        Kind::Engine(ErrorKind::Exhausted) => Code::TransactionTooLarge,
        Kind::Engine(kind) => of_kind(kind),
        Kind::NoSuchTable => Code::NotFound,
        Kind::Unsupported => Code::UnsupportedMediaType,
        Kind::TooLarge => Code::BodyTooLarge,
        Kind::KeyReused => Code::KeyReused,
        Kind::KeyBusy => Code::InProgress,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        // A document of texts and numbers is always JSON.
        let body = serde_json::to_vec(&self.document()).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.code.status();
        let headers = response.headers_mut();
        let content_type = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, content_type);
        match self.code {
            Code::Unauthenticated => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Code::Overloaded | Code::QueueTimeout => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => (),
        }
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the table in the documentation.
    fn document_rows() -> String {
        let mut rows = String::new();
        for code in Code::ALL {
            let (text, status) = (code.text(), code.status().as_u16());
            let row = format!("| `{text}` | {status} | {} | {} |\n", code.title(), code.meaning());
            rows.push_str(&row);
        }
        rows
    }

    #[test]
    fn the_documentation_has_every_code() {
        let document = include_str!("../../../docs/server.md");
        let rows = document_rows();
        assert!(document.contains(&rows), "docs/server.md should have these rows:\n{rows}");
    }
}
