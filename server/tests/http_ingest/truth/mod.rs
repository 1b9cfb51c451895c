//! Real history, answered right over HTTP while it goes on: 60 releases of the time zone database against answers computed
//! independently of them.
//!
//! The releases are ingested, each as a transaction of its own system time. Every row of the files of truth is asked in every form
//! by eight clients at once, while another one puts rows into the same table and into another. After 1,000 further commits
//! all of it is asked again: an answer at a fixed system time is the same to the byte.
//!
//! The files are those of the tests of the whole system (`tests/fixtures/tz`), a sample; `ANNALS_TZ_TRUTH` names the folder of all.

mod answer;
mod questions;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use answer::{FORMS, Form};
use questions::{Question, questions};
use serde_json::json;

use super::common::Place;
use super::form::{Format, ingest};
use super::forms::system_time;
use super::request::Request;
use super::server::Server;

const CLIENT_COUNT: usize = 8;
const COMMIT_COUNT: usize = 1_000;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The folders of truth that are here.
fn folders() -> Vec<PathBuf> {
    let mut folders = vec![root().join("tests/fixtures/tz")];
    let whole = std::env::var_os("ANNALS_TZ_TRUTH").map(PathBuf::from);
    match whole.filter(|folder| folder.join("truth_points.csv").exists()) {
        Some(folder) => folders.push(folder),
        None => println!("the whole truth is not here: asking the sample of it only"),
    }
    folders
}

/// Makes the table of zones; an instant after its last release, and before whatever comes.
fn load(server: &Server) -> String {
    server.run(
        "CREATE TABLE zones (tx_seq BIGINT, zone TEXT, utc_offset_seconds BIGINT, is_dst BIGINT, \
         abbreviation TEXT, PRIMARY KEY (zone))",
    );
    let events = std::fs::read(root().join("data-samples/tz/tz_history.csv.gz")).unwrap();
    let into = "zones?op_column=op&valid_from=valid_from&valid_to=valid_to&system_time=recorded_at";
    let request = ingest(into, Format::Csv, events).header("content-encoding", "gzip");
    let reply = server.ask(&request).ok();
    let last = system_time(&reply);
    assert_eq!(reply.json(), json!({"transactions": 60, "rows": 44_206, "system_time": last}));
    server.sql("SELECT 1").ok().head.one("x-annals-system-time").to_owned()
}

/// Commits one row after another, to the zones and to another table, until told to end; each is told.
fn go_on(server: &Server, has_ended: &AtomicBool, commits: &SyncSender<()>) {
    let mut connection = server.connect();
    let zone = |zone: &str, number: usize| {
        let row = format!("zone,utc_offset_seconds,_valid_from\n{zone},{number},1900-01-01\n");
        ingest("zones", Format::Csv, row)
    };
    for number in 0.. {
        if has_ended.load(Ordering::Relaxed) {
            return;
        }
        let request = match number % 4 {
            0 => zone("Europe/Paris", number),
            2 => zone("Mars/Olympus", number),
            _ => ingest(
                "notes",
                Format::Ndjson,
                format!("{{\"id\":{},\"text\":\"{number}\"}}\n", number % 100),
            ),
        };
        connection.ask(&request).unwrap().ok();
        // Nobody listens any more at the end.
        let _ = commits.send(());
    }
}

/// Asks everything, by several clients at once; the answers in the order of the tasks.
fn ask_all(server: &Server, tasks: &[(&Question, Form)], commits: &Receiver<()>) -> Vec<Vec<u8>> {
    let next = AtomicUsize::new(0);
    let mut answers: Vec<(usize, Vec<u8>)> = thread::scope(|scope| {
        let client = || {
            let mut connection = server.connect();
            let mut answers = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some((question, form)) = tasks.get(at) else { return answers };
                let request = Request::post("/v1/sql", &question.request);
                let reply = connection.ask(&request.accept(form.media_type())).unwrap().ok();
                let at_time = reply.head.one("x-annals-system-time");
                assert_eq!(at_time, question.request["system_time"], "{}", question.id);
                let rows = form.rows(&reply.body, question.columns);
                question.check(&rows, &format!("as {form:?}"));
                answers.push((at, reply.body));
            }
        };
        let clients: Vec<_> = (0..CLIENT_COUNT).map(|_| scope.spawn(client)).collect();
        // The other client goes on all the time.
        while !clients.iter().all(|client| client.is_finished()) {
            commits.recv().unwrap();
        }
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, body)| body).collect()
}

#[test]
fn the_time_zone_truth_is_answered_in_every_form_and_stays_the_answer_while_writes_go_on() {
    let place = Place::new();
    let server = Server::start(&place, "--engine-memtable-bytes 1048576");
    let now = load(&server);
    server.run("CREATE TABLE notes (id BIGINT, text TEXT, PRIMARY KEY (id))");
    let questions: Vec<Question> =
        folders().iter().flat_map(|folder| questions(folder, &now)).collect();
    let mut tasks: Vec<(&Question, Form)> = Vec::new();
    for (question, number) in questions.iter().zip(0..) {
        let forms = if question.is_small { &FORMS[number % 4..][..1] } else { &FORMS[..] };
        tasks.extend(forms.iter().map(|form| (question, *form)));
    }
    let (has_ended, (sender, commits)) = (AtomicBool::new(false), sync_channel(1));
    thread::scope(|scope| {
        let writer = scope.spawn(|| go_on(&server, &has_ended, &sender));
        let first = ask_all(&server, &tasks, &commits);
        assert_eq!(commits.iter().take(COMMIT_COUNT).count(), COMMIT_COUNT);
        let second = ask_all(&server, &tasks, &commits);
        for ((question, form), (first, second)) in tasks.iter().zip(first.iter().zip(&second)) {
            assert!(first == second, "{} as {form:?} has changed", question.id);
        }
        has_ended.store(true, Ordering::Relaxed);
        drop(commits);
        writer.join().unwrap();
    });
    println!("{} questions in {} answers, twice", questions.len(), tasks.len());
    let mars = server.rows("SELECT utc_offset_seconds FROM zones WHERE zone = 'Mars/Olympus'");
    assert_ne!(mars, "[]", "what was written meanwhile is there");
}
