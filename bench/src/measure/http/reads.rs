//! One key as of two instants, and aggregates of the whole table as of two instants.

use std::path::Path;
use std::time::{Duration, Instant};

use annals_engine::{SystemTime, ValidTime};
use bytes::Bytes;
use serde_json::{Value, json};

use super::client::{Client, Post};
use super::load::{HttpFigures, load};
use super::server::Server;
use crate::failure::{Failure, Result};
use crate::workload::positions::{NOW, PRICE_UNITS, START, STATUSES};
use crate::workload::{Answer, Group, Probe, Question, Random, Truth};

const SEED: u64 = 71_71;
const KEY: &str = "SELECT qty, price, status, account FROM positions FOR SYSTEM_TIME AS OF $1 FOR VALID_TIME AS OF $2 WHERE key = $3";
const TOTALS: &str = "SELECT status, count(*), sum(qty), sum(price * qty) FROM positions FOR SYSTEM_TIME AS OF $1 FOR VALID_TIME AS OF $2 GROUP BY status";

/// Starts a server on the database in `dir`, holds its answers against the truth, and lets every number of clients ask for
/// `seconds` each.
pub fn reads(
    executable: &Path,
    dir: &Path,
    truth: &Truth,
    key_count: u32,
    client_counts: &[usize],
    seconds: f64,
) -> Result<Vec<HttpFigures>> {
    let server = Server::start(executable, dir)?;
    let mut client = Client::connect(server.address)?;
    for probe in &truth.probes {
        let found = client.post(key(probe))?;
        check_key(probe, truth, &found)?;
    }
    // Q1 and Q2: as of now, and of half of the history.
    let questions = &Question::ALL[..2];
    for (question, expect) in questions.iter().zip(&truth.answers) {
        check_totals(question, expect, &client.post(totals(question))?)?;
    }
    let mut figures = Vec::new();
    for &client_count in client_counts {
        let until = Until::new(seconds);
        figures.push(load("one key", server.address, client_count, |number, nth| {
            until.is_before_end().then(|| key(&drawn(key_count, number, nth)))
        })?);
    }
    for question in questions {
        for &client_count in client_counts {
            let until = Until::new(seconds);
            let name = format!("{} of all keys", question.name);
            figures.push(load(&name, server.address, client_count, |_, _| {
                until.is_before_end().then(|| totals(question))
            })?);
        }
    }
    Ok(figures)
}

/// A stretch of time that begins with the first look at it.
struct Until {
    seconds: f64,
    start: std::sync::OnceLock<Instant>,
}

impl Until {
    fn new(seconds: f64) -> Until {
        Until { seconds, start: std::sync::OnceLock::new() }
    }

    fn is_before_end(&self) -> bool {
        self.start.get_or_init(Instant::now).elapsed() < Duration::from_secs_f64(self.seconds)
    }
}

/// What a client asks for, other than all others and than itself before.
fn drawn(key_count: u32, client: usize, nth: usize) -> Probe {
    let mut random = Random::nth(SEED + client as u64, nth as u64);
    Probe {
        key: random.below(key_count.into()) as u32,
        system: random.between(START, NOW),
        valid: random.between(START, NOW),
    }
}

fn key(probe: &Probe) -> Post {
    statement(KEY, probe.system, probe.valid, Some(probe.key))
}

fn totals(question: &Question) -> Post {
    statement(TOTALS, question.system, question.valid, None)
}

fn statement(sql: &str, system: i64, valid: i64, key: Option<u32>) -> Post {
    let mut params = vec![
        Value::from(SystemTime::from_micros(system).to_string()),
        Value::from(ValidTime::from_micros(valid).to_string()),
    ];
    params.extend(key.map(Value::from));
    let body = json!({ "sql": sql, "params": params }).to_string();
    Post { path: "/v1/sql", content_type: "application/json", body: Bytes::from(body) }
}

fn rows(answer: &[u8]) -> Result<Vec<Value>> {
    let mut answer: Value = serde_json::from_slice(answer)?;
    match answer.get_mut("rows").map(Value::take) {
        Some(Value::Array(rows)) => Ok(rows),
        _ => Err(Failure::new("an answer has no rows")),
    }
}

fn check_key(probe: &Probe, truth: &Truth, answer: &[u8]) -> Result<()> {
    let expect = truth.get(probe).map(|row| {
        let account = crate::workload::positions::account_of(row.key);
        json!([
            row.values.qty,
            row.values.price(),
            STATUSES[usize::from(row.values.status)],
            crate::workload::positions::account_name(account),
        ])
    });
    let found = rows(answer)?;
    if found == Vec::from_iter(expect.clone()) {
        return Ok(());
    }
    Err(Failure::new(format!("{probe:?}: expected {expect:?}, found {found:?}")))
}

fn check_totals(question: &Question, expect: &Answer, answer: &[u8]) -> Result<()> {
    let mut found = Answer::default();
    for row in rows(answer)? {
        let status = STATUSES.iter().position(|status| row[0] == *status);
        let (Some(status), Some(count), Some(qty), Some(amount)) =
            (status, row[1].as_u64(), row[2].as_i64(), row[3].as_f64())
        else {
            return Err(Failure::new(format!("{}: the row {row} is no group", question.name)));
        };
        let amount_units = (amount * PRICE_UNITS as f64) as i64;
        found.groups[status] = Group { count, qty, amount_units };
    }
    match expect.difference(&found) {
        None => Ok(()),
        Some(difference) => Err(Failure::new(format!("{}: {difference}", question.name))),
    }
}
