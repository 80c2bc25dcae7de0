//! A small HTTP/1.1 client, as cheap as pgbench's own: what the client costs is taken from the server, for both share the machine.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Mutex, mpsc},
    task::JoinSet,
};

use crate::{
    Result,
    figures::{Latencies, per_second},
};

/// Makes the bytes of request number n.
pub(crate) type Requests = Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>;

/// What a load led to. A request that was not answered 200 is counted apart and is in no rate.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) answered: usize,
    pub(crate) refused: usize,
    pub(crate) elapsed: Duration,
    pub(crate) latencies: Latencies,
}

impl Outcome {
    pub(crate) fn rate(&self) -> f64 {
        per_second(self.answered, self.elapsed)
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(4096) })
    }

    /// Sends a request and reads the whole answer. True for a 200.
    async fn send(&mut self, request: &[u8]) -> Result<bool> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the server closed the connection".into());
            }
            if let Some(end) = head_end(&self.buffer)
                && self.buffer.len() >= end + body_length(&self.buffer[..end])
            {
                return Ok(self.buffer.starts_with(b"HTTP/1.1 200"));
            }
        }
    }
}

/// Where a message's head ends.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// `Content-Length`, or 0.
pub(crate) fn body_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    head.split("\r\n").find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0)
}

#[derive(Default)]
struct Tally {
    latencies: Vec<Duration>,
    refused: usize,
}

impl Tally {
    fn add(&mut self, ok: bool, since: Instant) {
        if ok { self.latencies.push(since.elapsed()) } else { self.refused += 1 }
    }
}

async fn finish(mut tasks: JoinSet<Result<Tally>>, began: Instant) -> Result<Outcome> {
    let (mut all, mut refused) = (Vec::new(), 0);
    while let Some(tally) = tasks.join_next().await {
        let tally = tally??;
        all.extend(tally.latencies);
        refused += tally.refused;
    }
    Ok(Outcome { answered: all.len(), refused, elapsed: began.elapsed(), latencies: Latencies::of(all) })
}

/// Each connection sends its next request when the last one is answered, until the time is up or all `numbers` are sent.
pub(crate) async fn closed_loop(
    address: SocketAddr,
    connections: usize,
    numbers: std::ops::Range<u64>,
    time: Duration,
    requests: &Requests,
) -> Result<Outcome> {
    let next = Arc::new(AtomicU64::new(numbers.start));
    let mut ready = Vec::new();
    for _ in 0..connections {
        ready.push(Connection::open(address).await?);
    }
    let (began, mut tasks) = (Instant::now(), JoinSet::new());
    for mut connection in ready {
        let (next, requests, end) = (next.clone(), requests.clone(), numbers.end);
        tasks.spawn(async move {
            let mut tally = Tally::default();
            while began.elapsed() < time {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    break;
                }
                let (request, sent) = (requests(number), Instant::now());
                tally.add(connection.send(&request).await?, sent);
            }
            Ok(tally)
        });
    }
    finish(tasks, began).await
}

/// Sends `rate` requests a second whether or not earlier ones are answered. Times are counted from the moment a request should have
/// left, so that a server that stalls is charged for everyone it kept waiting (no coordinated omission).
pub(crate) async fn open_loop(
    address: SocketAddr,
    connections: usize,
    rate: u32,
    numbers: std::ops::Range<u64>,
    requests: &Requests,
) -> Result<Outcome> {
    let (to_send, due) = mpsc::unbounded_channel::<(u64, Instant)>();
    let due = Arc::new(Mutex::new(due));
    let (mut ready, mut tasks) = (Vec::new(), JoinSet::new());
    for _ in 0..connections {
        ready.push(Connection::open(address).await?);
    }
    let began = Instant::now();
    for mut connection in ready {
        let (due, requests) = (due.clone(), requests.clone());
        tasks.spawn(async move {
            let mut tally = Tally::default();
            loop {
                let next = due.lock().await.recv().await;
                let Some((number, intended)) = next else { return Ok(tally) };
                tally.add(connection.send(&requests(number)).await?, intended);
            }
        });
    }
    // A thread of its own: tokio's timers are a millisecond coarse.
    std::thread::spawn(move || {
        for (step, number) in (0_u32..).zip(numbers) {
            let intended = began + Duration::from_secs(1) * step / rate;
            std::thread::sleep(intended.saturating_duration_since(Instant::now()));
            if to_send.send((number, intended)).is_err() {
                return;
            }
        }
    });
    finish(tasks, began).await
}
