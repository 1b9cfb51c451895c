//! A connection to a server that stays open.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::failure::{Failure, Result};

/// What is sent to which route.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) path: &'static str,
    pub(super) content_type: &'static str,
    pub(super) body: Bytes,
}

/// A client with one connection.
pub(super) struct Client {
    runtime: Runtime,
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
}

impl Client {
    /// Opens the connection.
    pub(super) fn connect(address: SocketAddr) -> Result<Client> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let sender = runtime.block_on(async {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await?;
            // It is driven while an answer is waited for; what ends it shows in the next request.
            tokio::spawn(connection);
            Ok::<_, Failure>(sender)
        })?;
        Ok(Client { runtime, sender, address })
    }

    /// Sends a request and reads the whole answer; an error if that is a problem.
    pub(super) fn post(&mut self, post: Post) -> Result<Bytes> {
        let Post { path, content_type, body } = post;
        let request = Request::post(path)
            .header(HOST, self.address.to_string())
            .header(CONTENT_TYPE, content_type)
            .body(Full::new(body))
            .map_err(|error| Failure::new(error.to_string()))?;
        let (status, body) = self.runtime.block_on(async {
            let answer = self.sender.send_request(request).await?;
            let (head, body) = answer.into_parts();
            Ok::<_, hyper::Error>((head.status, body.collect().await?.to_bytes()))
        })?;
        if status.is_success() {
            return Ok(body);
        }
        Err(Failure::new(format!("{path} answered {status}: {}", String::from_utf8_lossy(&body))))
    }
}
