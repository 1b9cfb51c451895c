//! Clients side by side, each asking as soon as it is answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::client::{Client, Post};
use crate::failure::{Failure, Result};
use crate::measure::Durations;
use crate::measure::durations::micros;

/// What clients met who asked for the same side by side.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HttpFigures {
    /// What was asked for.
    pub name: String,
    /// How many asked at once.
    pub client_count: usize,
    /// Requests that were answered; none was refused.
    pub request_count: usize,
    /// From the first request to the last answer.
    pub seconds: f64,
    /// Answers a second, over all clients.
    pub requests_per_second: f64,
    /// From a request to the last byte of its answer: the median, in microseconds.
    pub us_p50: f64,
    /// The 99th percentile of the same.
    pub us_p99: f64,
}

/// Lets clients ask until `next`, which is given the number of a client and of its request, has nothing more to ask for.
pub(super) fn load(
    name: &str,
    address: SocketAddr,
    client_count: usize,
    next: impl Fn(usize, usize) -> Option<Post> + Sync,
) -> Result<HttpFigures> {
    let clients: Result<Vec<_>> = (0..client_count).map(|_| Client::connect(address)).collect();
    let start = Instant::now();
    let next = &next;
    let measured: Result<Vec<Vec<Duration>>> = std::thread::scope(|scope| {
        let clients = clients?.into_iter().enumerate();
        let threads: Vec<_> = clients
            .map(|(number, client)| scope.spawn(move || ask(client, |nth| next(number, nth))))
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join());
        joined
            .map(|ended| ended.unwrap_or_else(|_| Err(Failure::new("a client panicked"))))
            .collect()
    });
    let seconds = start.elapsed().as_secs_f64();
    let durations = Durations::new(measured?.concat());
    let request_count = durations.count();
    Ok(HttpFigures {
        name: name.to_owned(),
        client_count,
        request_count,
        seconds,
        requests_per_second: request_count as f64 / seconds,
        us_p50: micros(durations.median()),
        us_p99: micros(durations.quantile(0.99)),
    })
}

fn ask(mut client: Client, next: impl Fn(usize) -> Option<Post>) -> Result<Vec<Duration>> {
    let mut measured = Vec::new();
    while let Some(post) = next(measured.len()) {
        let start = Instant::now();
        client.post(post)?;
        measured.push(start.elapsed());
    }
    Ok(measured)
}
