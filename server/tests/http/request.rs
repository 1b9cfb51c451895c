//! Requests as tests write them, and the answers to them, read whole.

use std::io::{self, Read};

use serde_json::{Value, json};

use super::client::{Connection, Head};

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// A request without a body.
    pub(crate) fn new(method: &str, path: &str) -> Request {
        let headers = vec![("host".to_owned(), "localhost".to_owned())];
        Request { method: method.to_owned(), path: path.to_owned(), headers, body: Vec::new() }
    }

    /// A request to read.
    pub(crate) fn get(path: &str) -> Request {
        Request::new("GET", path)
    }

    /// A request with a body in JSON.
    pub(crate) fn post(path: &str, body: &Value) -> Request {
        Request::new("POST", path).body("application/json", body.to_string())
    }

    /// A request for SQL.
    pub(crate) fn sql(sql: &str) -> Request {
        Request::post("/v1/sql", &json!({"sql": sql}))
    }

    /// With a header, in place of others of its name.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.retain(|(other, _)| other != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without a header.
    pub(crate) fn without(mut self, name: &str) -> Request {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    /// With the form that the answer shall have.
    pub(crate) fn accept(self, form: &str) -> Request {
        self.header("accept", form)
    }

    /// With a token.
    pub(crate) fn token(self, token: &str) -> Request {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With a body.
    pub(crate) fn body(mut self, media_type: &str, body: impl Into<Vec<u8>>) -> Request {
        self.body = body.into();
        self.header("content-type", media_type)
    }

    /// The bytes before the body.
    pub(crate) fn head(&self, of_body: &str) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head + of_body + "\r\n"
    }

    /// All bytes of it.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let head = self.head(&format!("content-length: {}\r\n", self.body.len()));
        [head.as_bytes(), &self.body].concat()
    }

    /// All bytes of it, with the body in pieces and its length left out.
    pub(crate) fn chunked(&self) -> Vec<u8> {
        let mut bytes = self.head("transfer-encoding: chunked\r\n").into_bytes();
        for piece in self.body.chunks(16) {
            bytes.extend(format!("{:x}\r\n", piece.len()).into_bytes());
            bytes.extend(piece);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
        bytes
    }

    /// Whether an answer has no body whatever it says.
    fn is_for_head(&self) -> bool {
        self.method == "HEAD"
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    /// What stood before the body.
    pub(crate) head: Head,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The status.
    pub(crate) fn status(&self) -> u16 {
        self.head.status
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body of an answer that is no problem.
    #[track_caller]
    pub(crate) fn ok(self) -> Reply {
        assert_eq!(self.status(), 200, "{}", self.text());
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("{error}: {:?}", self.text()),
        }
    }

    /// The rows of an answer in JSON, without blanks.
    #[track_caller]
    pub(crate) fn rows(self) -> String {
        self.ok().json()["rows"].to_string()
    }

    /// The code of a problem, whose document is as it must be; and its detail.
    #[track_caller]
    pub(crate) fn problem(&self) -> (String, String) {
        let document = self.json();
        let text = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
        let (code, detail) = (text("code"), text("detail"));
        assert_eq!(self.head.one("content-type"), "application/problem+json", "{document}");
        assert_eq!(text("type"), format!("urn:annals:problem:{code}"), "{document}");
        assert_eq!(document["status"], self.status(), "{document}");
        assert!(!code.is_empty() && !text("title").is_empty(), "{document}");
        assert!(!detail.is_empty() && !detail.contains('\n'), "{document}");
        let known = ["type", "title", "status", "detail", "code", "line", "column"];
        let members = document.as_object().unwrap();
        assert!(members.keys().all(|name| known.contains(&name.as_str())), "{document}");
        (code, detail)
    }

    /// It is a problem with this status and code, whose detail has these words.
    #[track_caller]
    pub(crate) fn check_problem(&self, status: u16, code: &str, words: &str) {
        let (found, detail) = self.problem();
        assert_eq!((self.status(), found.as_str()), (status, code), "{detail}");
        assert!(detail.contains(words), "{detail:?} does not say {words:?}");
    }
}

impl Connection {
    /// Asks and reads the whole answer.
    pub(crate) fn ask(&mut self, request: &Request) -> io::Result<Reply> {
        self.send(request.bytes())?;
        self.reply(request)
    }

    /// Reads the whole answer to a request that was sent.
    pub(crate) fn reply(&mut self, to: &Request) -> io::Result<Reply> {
        let head = self.head()?;
        let mut body = Vec::new();
        if !to.is_for_head() {
            self.body(&head).read_to_end(&mut body)?;
        }
        Ok(Reply { head, body })
    }
}
