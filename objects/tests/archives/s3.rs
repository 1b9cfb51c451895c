//! As much of the protocol of S3 as archives need, on loopback: objects, lists, ranges, uploads in parts. Signatures are not looked at.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// The buckets of one service, by `/bucket/key`.
#[derive(Clone, Debug, Default)]
pub(crate) struct S3 {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    /// Uploads that are not complete, and their parts.
    uploads: BTreeMap<u64, BTreeMap<u64, Vec<u8>>>,
    upload_count: u64,
    request_count: u64,
    /// The request of this number is refused.
    refused: Option<u64>,
}

struct Request {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    range: Option<(usize, usize)>,
    /// Whether there must be no such object yet.
    is_new: bool,
    body: Vec<u8>,
}

struct Answer {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
}

impl S3 {
    /// Begins to listen; the address is for the setting `aws_endpoint`.
    pub(crate) fn start() -> (S3, String) {
        let service = S3::default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let serving = service.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let service = serving.clone();
                std::thread::spawn(move || service.serve(stream));
            }
        });
        (service, address)
    }

    /// Refuses one request: the one that comes after so many from now on.
    pub(crate) fn refuse_after(&self, count: u64) {
        let mut state = self.state.lock().unwrap();
        state.refused = Some(state.request_count + count);
    }

    /// Refuses nothing; says whether something was.
    pub(crate) fn refuse_nothing(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        let refused = state.refused.take();
        refused.is_some_and(|at| at < state.request_count)
    }

    /// The paths of all objects.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.state.lock().unwrap().objects.keys().cloned().collect()
    }

    /// Uploads that were neither completed nor taken back.
    pub(crate) fn open_upload_count(&self) -> usize {
        self.state.lock().unwrap().uploads.len()
    }

    /// An object's bytes, to be changed.
    pub(crate) fn change(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        change(self.state.lock().unwrap().objects.get_mut(path).expect("the object"));
    }

    fn serve(&self, mut stream: TcpStream) {
        let Some(request) = read(&stream) else { return };
        let is_head = request.method == "HEAD";
        let Answer { status, headers, body } = self.answer(&request);
        let length = body.len();
        let body = if is_head { &[][..] } else { &body };
        let head = format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
        );
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut state = self.state.lock().unwrap();
        state.request_count += 1;
        if state.refused == Some(state.request_count - 1) {
            return answer("403 Forbidden", "<Error><Code>AccessDenied</Code></Error>");
        }
        let has = |name: &str| request.query.contains_key(name);
        match request.method.as_str() {
            "HEAD" | "GET" if has("list-type") => state.list(request),
            "HEAD" | "GET" => state.get(request),
            "PUT" => state.put(request),
            "DELETE" if has("uploadId") => {
                state.uploads.remove(&number(request, "uploadId"));
                answer("204 No Content", "")
            }
            "DELETE" => {
                state.objects.remove(&request.path);
                answer("204 No Content", "")
            }
            "POST" if has("delete") => state.delete_all(request),
            "POST" if has("uploads") => state.begin_upload(),
            "POST" => state.complete_upload(request),
            _ => answer("405 Method Not Allowed", ""),
        }
    }
}

impl State {
    fn list(&self, request: &Request) -> Answer {
        let prefix = request.query.get("prefix").map_or("", String::as_str);
        let bucket = format!("{}/", request.path.trim_end_matches('/'));
        let (mut found, mut common) = (String::new(), BTreeMap::new());
        for (path, bytes) in &self.objects {
            let Some(key) = path.strip_prefix(&bucket).filter(|key| key.starts_with(prefix)) else {
                continue;
            };
            match key[prefix.len()..].split_once('/') {
                Some((folder, _)) if request.query.contains_key("delimiter") => {
                    common.insert(format!("{prefix}{folder}/"), ());
                }
                _ => {
                    found += &format!(
                        "<Contents><Key>{key}</Key><LastModified>2024-01-01T00:00:00Z</LastModified><Size>{}</Size></Contents>",
                        bytes.len()
                    )
                }
            }
        }
        for folder in common.keys() {
            found += &format!("<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>");
        }
        let body =
            format!("<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>");
        answer("200 OK", &body)
    }

    fn get(&self, request: &Request) -> Answer {
        let Some(bytes) = self.objects.get(&request.path) else {
            return answer("404 Not Found", "<Error><Code>NoSuchKey</Code></Error>");
        };
        let (from, to) = request.range.unwrap_or((0, bytes.len()));
        let (from, to) = (from.min(bytes.len()), to.min(bytes.len()));
        let status = if request.range.is_some() { "206 Partial Content" } else { "200 OK" };
        let range = format!("bytes {from}-{}/{}", to.saturating_sub(1), bytes.len());
        let headers = format!(
            "etag: \"1\"\r\nlast-modified: Mon, 01 Jan 2024 00:00:00 GMT\r\ncontent-range: {range}\r\n"
        );
        Answer { status, headers, body: bytes[from..to].to_vec() }
    }

    fn put(&mut self, request: &Request) -> Answer {
        if request.query.contains_key("uploadId") {
            let Some(parts) = self.uploads.get_mut(&number(request, "uploadId")) else {
                return answer("404 Not Found", "<Error><Code>NoSuchUpload</Code></Error>");
            };
            parts.insert(number(request, "partNumber"), request.body.clone());
        } else if request.is_new && self.objects.contains_key(&request.path) {
            return answer(
                "412 Precondition Failed",
                "<Error><Code>PreconditionFailed</Code></Error>",
            );
        } else {
            self.objects.insert(request.path.clone(), request.body.clone());
        }
        answer("200 OK", "")
    }

    fn delete_all(&mut self, request: &Request) -> Answer {
        let bucket = format!("{}/", request.path.trim_end_matches('/'));
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let mut deleted = String::new();
        for key in text.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()) {
            self.objects.remove(&format!("{bucket}{key}"));
            deleted += &format!("<Deleted><Key>{key}</Key></Deleted>");
        }
        answer("200 OK", &format!("<DeleteResult>{deleted}</DeleteResult>"))
    }

    fn begin_upload(&mut self) -> Answer {
        self.upload_count += 1;
        self.uploads.insert(self.upload_count, BTreeMap::new());
        let id = self.upload_count;
        let body = format!(
            "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
        );
        answer("200 OK", &body)
    }

    fn complete_upload(&mut self, request: &Request) -> Answer {
        let Some(parts) = self.uploads.remove(&number(request, "uploadId")) else {
            return answer("404 Not Found", "<Error><Code>NoSuchUpload</Code></Error>");
        };
        self.objects.insert(request.path.clone(), parts.into_values().flatten().collect());
        let body = "<CompleteMultipartUploadResult><ETag>1</ETag></CompleteMultipartUploadResult>";
        answer("200 OK", body)
    }
}

fn answer(status: &'static str, body: &str) -> Answer {
    let headers = "etag: \"1\"\r\ncontent-type: application/xml\r\n".to_owned();
    Answer { status, headers, body: body.as_bytes().to_vec() }
}

fn number(request: &Request, name: &str) -> u64 {
    request.query.get(name).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut length, mut range, mut is_new) = (0, None, false);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "if-none-match" => is_new = value == "*",
            "range" => {
                let (from, to) = value.strip_prefix("bytes=")?.split_once('-')?;
                range = Some((from.parse().ok()?, to.parse::<usize>().ok()? + 1));
            }
            _ => (),
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), value.replace("%2F", "/"))
    };
    let query = query.split('&').filter(|text| !text.is_empty()).map(pair).collect();
    Some(Request { method, path: path.to_owned(), query, range, is_new, body })
}
