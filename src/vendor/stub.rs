//! A vendor played from a script, for tests: takes one request after the other, keeps what it was asked, and answers with the next
//! step, or breaks the connection as a vendor that hangs or falls over does.

use std::sync::{Arc, Mutex};

use http::HeaderMap;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use url::Url;

use super::{AddressGuard, Http};

/// What the vendor does with one request.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Answers.
    Answer {
        /// HTTP status.
        status: u16,
        /// Headers beside the ones every answer has.
        headers: Vec<(&'static str, &'static str)>,
        /// Body.
        body: String,
    },
    /// Reads the whole request and closes the connection.
    Close,
    /// Does the work, and loses the connection half-way through the answer.
    CutOff,
}

impl Step {
    /// An answer with a JSON body.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.to_string() }
    }

    /// The same answer with one more header.
    pub(crate) fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name, value));
        }
        self
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Answer { status, headers, body } => {
                let extra: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                let length = body.len();
                format!("HTTP/1.1 {status} Stub\r\nconnection: close\r\ncontent-length: {length}\r\n{extra}\r\n{body}")
                    .into_bytes()
            }
            Self::Close => Vec::new(),
            Self::CutOff => b"HTTP/1.1 200 Stub\r\nconnection: close\r\ncontent-length: 100\r\n\r\n{\"ok\":".to_vec(),
        }
    }
}

/// A request as the vendor saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The method, in capitals.
    pub(crate) method: String,
    /// Path and query, as they came.
    pub(crate) path: String,
    /// Headers.
    pub(crate) headers: HeaderMap,
    /// The body as JSON: a form as an object of texts; null for none.
    pub(crate) body: Value,
}

/// The running vendor. Connections are refused once the script is over.
pub(crate) struct Stub {
    /// Where it listens.
    pub(crate) base_url: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Stub {
    /// Starts a vendor under `path` on a free loopback port.
    pub(crate) async fn start(path: &str, script: Vec<Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}{path}", listener.local_addr().unwrap()).parse().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            for step in script {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read(&mut stream).await;
                log.lock().unwrap().push(request);
                stream.write_all(&step.bytes()).await.unwrap();
                stream.shutdown().await.ok();
            }
        });
        Self { base_url, seen }
    }

    /// Every request so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn read(stream: &mut TcpStream) -> Seen {
    let mut bytes = Vec::new();
    let head = loop {
        let mut chunk = [0; 4096];
        let count = stream.read(&mut chunk).await.unwrap();
        assert_ne!(count, 0, "the request ended before its headers did");
        bytes.extend_from_slice(&chunk[..count]);
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
    let mut lines = text.lines();
    let mut first = lines.next().unwrap().split(' ').map(str::to_owned);
    let (method, path) = (first.next().unwrap(), first.next().unwrap());
    let headers: HeaderMap = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
    let length: usize =
        headers.get("content-length").map_or(0, |value: &http::HeaderValue| value.to_str().unwrap().parse().unwrap());
    let mut body = bytes.split_off(head + 4);
    let mut rest = vec![0; length.saturating_sub(body.len())];
    stream.read_exact(&mut rest).await.unwrap();
    body.extend(rest);
    let kind = headers.get("content-type").map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
    let body = match kind.split_once("; boundary=") {
        _ if body.is_empty() => Value::Null,
        Some((_, boundary)) => parts(std::str::from_utf8(&body).unwrap(), boundary),
        None if kind == "application/x-www-form-urlencoded" => {
            url::form_urlencoded::parse(&body).map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect()
        }
        None => serde_json::from_slice(&body).unwrap(),
    };
    Seen { method, path, headers, body }
}

/// A form in parts, as strictly as RFC 2046 has it.
fn parts(body: &str, boundary: &str) -> Value {
    let (opens, closes) = (format!("--{boundary}\r\n"), format!("--{boundary}--\r\n"));
    let parts = body.strip_suffix(&closes).unwrap().split(&opens).skip(1);
    let field = |part: &str| {
        let (head, value) = part.strip_suffix("\r\n").unwrap().split_once("\r\n\r\n").unwrap();
        let name = head.strip_prefix("content-disposition: form-data; name=\"").unwrap().strip_suffix('"').unwrap();
        (name.to_owned(), Value::from(value))
    };
    parts.map(field).collect()
}

/// A client that may call the stub.
pub(crate) fn http() -> Http {
    // Fails only if another test was first.
    rustls::crypto::ring::default_provider().install_default().ok();
    Http::new(AddressGuard { allow_private: true }).unwrap()
}
