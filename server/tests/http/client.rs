//! A connection of a client: blocking, in plain HTTP/1.1, and told byte by byte what to do.
//!
//! A body that breaks off is an error of kind `UnexpectedEof`, never a shorter body. Whatever is waited for longer than
//! [`PATIENCE`] fails.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// Longer than anything takes on a machine that is busy; a test that waits so long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What bytes go through.
#[derive(Debug)]
enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Wire {
    fn as_io(&mut self) -> &mut dyn ReadWrite {
        match self {
            Wire::Plain(stream) => stream,
            Wire::Tls(stream) => &mut **stream,
        }
    }
}

trait ReadWrite: Read + Write {}

impl<T: Read + Write> ReadWrite for T {}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.as_io().read(buffer)
    }
}

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Connection {
    wire: BufReader<Wire>,
}

/// What stands before a body.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    /// The status.
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    /// The values of a header, which is named in small letters.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let of_name = self.headers.iter().filter(|(other, _)| other == name);
        of_name.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a header.
    #[track_caller]
    pub(crate) fn one(&self, name: &str) -> &str {
        match self.all(name)[..] {
            [value] => value,
            _ => panic!("not one {name}: {self:?}"),
        }
    }
}

fn dial(at: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&at, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

impl Connection {
    /// A connection in the clear.
    pub(crate) fn open(at: SocketAddr) -> Connection {
        Connection { wire: BufReader::new(Wire::Plain(dial(at))) }
    }

    /// A connection with TLS, to a server that calls itself `localhost`.
    pub(crate) fn open_tls(at: SocketAddr, config: Arc<ClientConfig>) -> Connection {
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(config, name).unwrap();
        let stream = Box::new(StreamOwned::new(client, dial(at)));
        Connection { wire: BufReader::new(Wire::Tls(stream)) }
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let wire = self.wire.get_mut().as_io();
        wire.write_all(bytes.as_ref())?;
        wire.flush()
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.wire.read_line(&mut line)?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("after {line:?}"))),
        }
    }

    /// Reads what stands before a body.
    pub(crate) fn head(&mut self) -> io::Result<Head> {
        let first = self.line()?;
        let rest = first.strip_prefix("HTTP/1.1 ").or(first.strip_prefix("HTTP/1.0 "));
        let status = rest.and_then(|rest| rest.get(..3)?.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status: {first:?}")))?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(Head { status, headers });
            }
            let (name, value) = line.split_once(':').ok_or_else(|| io::Error::other("no `:`"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// The body behind a head.
    pub(crate) fn body(&mut self, head: &Head) -> Body<'_> {
        let is_chunked = head.all("transfer-encoding") == ["chunked"];
        let left = match head.all("content-length")[..] {
            [length] => length.parse().unwrap(),
            _ => 0,
        };
        let is_over = !is_chunked && left == 0;
        Body { connection: self, is_chunked, left, is_over }
    }

    /// Whether the server closes the connection without another byte.
    pub(crate) fn is_closed(&mut self) -> bool {
        match self.wire.fill_buf() {
            Ok(bytes) => bytes.is_empty(),
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }
}

/// A body that is read as it comes.
pub(crate) struct Body<'a> {
    connection: &'a mut Connection,
    is_chunked: bool,
    /// Bytes of the piece that is being read, or of the body.
    left: u64,
    is_over: bool,
}

impl Body<'_> {
    /// Goes to the next piece, or to the end.
    fn next_piece(&mut self) -> io::Result<()> {
        let size = self.connection.line()?;
        self.left = u64::from_str_radix(&size, 16)
            .map_err(|_| io::Error::other(format!("no size of a piece: {size:?}")))?;
        if self.left == 0 {
            self.is_over = true;
            self.connection.line()?;
        }
        Ok(())
    }
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.is_over {
            self.next_piece()?;
        }
        if self.is_over || buffer.is_empty() {
            return Ok(0);
        }
        let room = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = self.connection.wire.read(&mut buffer[..room])?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the body broke off"));
        }
        self.left -= count as u64;
        if self.left == 0 {
            match self.is_chunked {
                true => drop(self.connection.line()?),
                false => self.is_over = true,
            }
        }
        Ok(count)
    }
}
