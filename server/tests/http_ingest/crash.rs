//! `kill -9` under ingest, twenty times: what was answered for is there whole, nothing is half there, and what is sent again because
//! no answer came is applied once.
//!
//! Clients send requests piece by piece, and count the pieces: after so many of all of them, drawn from a seed, the server is
//! killed. It is started again on the same folder, and each client goes on with the request that it has no answer to. Half of them send
//! bulk ingests with an idempotency key, in all forms; the others also batches of SQL, which an ASSERT makes safe to repeat.
//! All rows go into an event table, where a row that is written twice is there twice. Memtables are small, so that kills
//! also meet flushes and compactions.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use serde_json::Value;

use super::client::Connection;
use super::common::Place;
use super::form::{ENCODINGS, Encoding, FORMATS, ingest, numbers, rows, texts};
use super::request::{Reply, Request};
use super::server::Server;

const KILL_COUNT: usize = 20;
const CLIENT_COUNT: usize = 4;
/// Pieces of requests, and answers, between two kills.
const STEP_COUNT_MAX: u64 = 48;
const PIECE_COUNT: usize = 3;
const FLAGS: &str = "--engine-memtable-bytes 65536";

/// Numbers that look random (xorshift64*).
struct Rng(u64);

impl Rng {
    fn below(&mut self, count: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % count
    }
}

/// What is to be written, once.
#[derive(Clone, Debug)]
struct Job {
    name: String,
    row_count: usize,
    is_batch: bool,
    is_chunked: bool,
    request: Request,
}

impl Job {
    /// The job of a client with this number, of whatever kind is its turn.
    fn new(client: usize, number: usize) -> Job {
        let name = format!("{client}-{number}");
        let is_batch = client % 2 == 1 && number % 2 == 1;
        let row_count = if is_batch { 40 } else { 100 + 37 * (number % 7) };
        let request = match is_batch {
            true => batch(client, &name, row_count),
            false => keyed_ingest(client + number, &name, row_count),
        };
        Job { name, row_count, is_batch, is_chunked: number.is_multiple_of(3), request }
    }
}

fn keyed_ingest(turn: usize, name: &str, row_count: usize) -> Request {
    let format = FORMATS[turn % FORMATS.len()];
    let encoding = ENCODINGS[turn % ENCODINGS.len()];
    let rows = rows(&[
        ("request", texts((0..row_count).map(|_| Some(name)))),
        ("n", numbers((0..row_count as i64).map(Some))),
    ]);
    let request = ingest("arrivals", format, encoding.encode(&format.body(&rows)));
    let request = request.header("idempotency-key", name);
    match encoding {
        Encoding::Identity => request,
        encoding => request.header("content-encoding", encoding.name()),
    }
}

fn batch(client: usize, name: &str, row_count: usize) -> Request {
    let values: Vec<String> = (0..row_count).map(|n| format!("('{name}', {n})")).collect();
    Request::sql(&format!(
        "ASSERT NOT EXISTS (SELECT 1 FROM applied WHERE request = '{name}'), '{name} is applied';
         INSERT INTO applied (request) VALUES ('{name}');
         INSERT INTO arrivals (request, n) VALUES {};
         UPDATE counters SET count = count + 1 WHERE client = {client}",
        values.join(", ")
    ))
}

/// A client, through all lives of the server.
struct Client {
    number: usize,
    job_count: usize,
    /// The job without an answer.
    open: Option<Job>,
    /// Jobs with their answers.
    answered: Vec<(Job, Reply)>,
}

impl Client {
    fn open_job(&mut self) -> &Job {
        let (number, count) = (self.number, &mut self.job_count);
        self.open.get_or_insert_with(|| {
            *count += 1;
            Job::new(number, *count)
        })
    }

    /// Sends the open job, and has its answer or goes without. Each piece and the answer are told.
    fn work(&mut self, connection: &mut Connection, steps: &Sender<()>) -> io::Result<()> {
        let job = self.open_job().clone();
        let bytes = if job.is_chunked { job.request.chunked() } else { job.request.bytes() };
        for piece in bytes.chunks(bytes.len().div_ceil(PIECE_COUNT)) {
            connection.send(piece)?;
            // Nobody counts any more when the server is killed.
            let _ = steps.send(());
        }
        let reply = connection.reply(&job.request)?;
        let _ = steps.send(());
        if is_done(&job, &reply) {
            self.answered.push((job, reply));
            self.open = None;
        }
        Ok(())
    }
}

/// Whether an answer says that the job is applied, else that it is to be tried again.
fn is_done(job: &Job, reply: &Reply) -> bool {
    match (reply.status(), job.is_batch) {
        (200, false) => {
            let document = reply.json();
            assert_eq!(
                (&document["transactions"], &document["rows"]),
                (&1.into(), &job.row_count.into())
            );
            true
        }
        (200, true) => true,
        // Applied without an answer; or another client has changed what it has read.
        (409, true) => {
            let (code, detail) = reply.problem();
            assert_eq!(code, "conflict", "{detail}");
            detail.contains(&format!("{} is applied", job.name))
        }
        _ => panic!("{}: {}", job.name, reply.text()),
    }
}

/// Lets all clients work until the server is killed.
fn work_until_killed(server: Server, clients: &mut [Client], step_count: u64) {
    let (steps, taken) = channel();
    thread::scope(|scope| {
        for client in clients {
            let (mut connection, steps) = (server.connect(), steps.clone());
            scope.spawn(move || while client.work(&mut connection, &steps).is_ok() {});
        }
        drop(steps);
        let counted = taken.iter().take(usize::try_from(step_count).unwrap()).count();
        assert_eq!(counted as u64, step_count, "the clients have stopped working");
        // SIGKILL.
        drop(server);
    });
}

fn rows_by_name(server: &Server, sql: &str) -> BTreeMap<String, Value> {
    let document = server.run(sql);
    let rows = document["rows"].as_array().unwrap();
    rows.iter().map(|row| (row[0].as_str().unwrap().to_owned(), row.clone())).collect()
}

/// Everything that was answered for is there, and nothing in part or twice.
fn check(server: &Server, clients: &[Client]) {
    let arrived = rows_by_name(
        server,
        "SELECT request, count(*), count(DISTINCT n), min(n), max(n) FROM arrivals GROUP BY request",
    );
    let applied = rows_by_name(server, "SELECT request FROM applied");
    let mut known = BTreeMap::new();
    for client in clients {
        let answered = client.answered.iter().map(|(job, _)| (job, true));
        for (job, is_answered) in answered.chain(client.open.iter().map(|job| (job, false))) {
            known.insert(job.name.clone(), job);
            let found = arrived.get(&job.name);
            assert!(found.is_some() || !is_answered, "{} was answered for and is gone", job.name);
            if let Some(found) = found {
                let n = job.row_count;
                assert_eq!(found, &serde_json::json!([job.name, n, n, 0, n - 1]));
            }
            let is_applied = job.is_batch && found.is_some();
            assert_eq!(applied.contains_key(&job.name), is_applied, "{} is half there", job.name);
        }
        let own = format!("{}-", client.number);
        let applied_count = applied.keys().filter(|name| name.starts_with(&own)).count();
        let counted = format!("SELECT count FROM counters WHERE client = {}", client.number);
        assert_eq!(server.rows(&counted), format!("[[{applied_count}]]"));
    }
    let strange: Vec<_> = arrived.keys().filter(|name| !known.contains_key(*name)).collect();
    assert!(strange.is_empty(), "nobody has sent {strange:?}");
}

/// The files are whole, but for the tail that a kill may have torn off, which the next start cuts.
fn check_killed(place: &Place) {
    let verified = place.annals("verify -d db");
    let is_known = |line: &str| line.starts_with("ok: ") || line.contains(": a torn tail: ");
    assert!(verified.stdout.lines().all(is_known), "{verified:?}");
    assert!(!verified.stdout.is_empty(), "{verified:?}");
}

#[test]
fn twenty_kills_under_ingest_lose_nothing_and_repeat_nothing() {
    let seed = std::env::var("ANNALS_SEED").map_or(20_260_101, |seed| seed.parse().unwrap());
    println!(
        "ANNALS_SEED={seed} cargo test -p annals-server --test http_ingest -- crash --nocapture"
    );
    let mut rng = Rng(seed | 1);
    let place = Place::new();
    let mut server = Server::start(&place, FLAGS);
    server.run("CREATE EVENT TABLE arrivals (request TEXT, n BIGINT)");
    server.run("CREATE TABLE applied (request TEXT, PRIMARY KEY (request))");
    server.run("CREATE TABLE counters (client BIGINT, count BIGINT, PRIMARY KEY (client))");
    let mut clients = Vec::new();
    for number in 0..CLIENT_COUNT {
        server.run(&format!("INSERT INTO counters (client, count) VALUES ({number}, 0)"));
        clients.push(Client { number, job_count: 0, open: None, answered: Vec::new() });
    }
    for _ in 0..KILL_COUNT {
        work_until_killed(server, &mut clients, 1 + rng.below(STEP_COUNT_MAX));
        check_killed(&place);
        server = Server::start(&place, FLAGS);
        check(&server, &clients);
    }
    let (steps, _taken) = channel();
    for client in &mut clients {
        let mut connection = server.connect();
        while client.open.is_some() {
            client.work(&mut connection, &steps).unwrap();
        }
        for (job, first) in client.answered.iter().filter(|(job, _)| !job.is_batch) {
            let again = connection.ask(&job.request).unwrap().ok();
            assert_eq!(again.head.one("idempotency-replayed"), "true", "{}", job.name);
            assert_eq!(again.body, first.body, "{}", job.name);
        }
    }
    check(&server, &clients);
    let counts = clients.iter().map(|client| client.answered.len()).collect::<Vec<_>>();
    println!("jobs done by each client: {counts:?}");
    server.stop();
    let verified = place.annals("verify -d db").ok();
    assert!(verified.starts_with("ok: "), "{verified}");
}
