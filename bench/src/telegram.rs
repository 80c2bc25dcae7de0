//! A Bot API server that answers every call at once, and remembers when each chat first got a message.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    Result,
    load::{body_length, head_end},
};

#[derive(Default)]
struct Seen {
    first: Mutex<HashMap<u64, Instant>>,
    messages: AtomicU64,
}

/// The stand-in; it ends with the process.
pub(crate) struct Telegram {
    address: SocketAddr,
    seen: Arc<Seen>,
}

impl Telegram {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, seen) = (listener.local_addr()?, Arc::new(Seen::default()));
        let server = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let seen = server.clone();
                // A caller that hangs up ends its own connection only.
                tokio::spawn(async move { answer(stream, &seen).await.ok() });
            }
        });
        Ok(Self { address, seen })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// When this chat first got a message.
    pub(crate) fn first_message(&self, chat: u64) -> Option<Instant> {
        self.seen.first.lock().unwrap_or_else(PoisonError::into_inner).get(&chat).copied()
    }

    /// How many chats got one.
    pub(crate) fn chats(&self) -> usize {
        self.seen.first.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

async fn answer(mut stream: TcpStream, seen: &Seen) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(4096);
    loop {
        let (head, whole) = loop {
            if let Some(head) = head_end(&buffer) {
                let whole = head + body_length(&buffer[..head]);
                if buffer.len() >= whole {
                    break (head, whole);
                }
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let call: Value = serde_json::from_slice(&buffer[head..whole]).unwrap_or_default();
        buffer.drain(..whole);
        let chat = call["chat_id"].as_u64().unwrap_or(0);
        seen.first.lock().unwrap_or_else(PoisonError::into_inner).entry(chat).or_insert_with(Instant::now);
        let number = seen.messages.fetch_add(1, Ordering::Relaxed);
        let body =
            format!(r#"{{"ok":true,"result":{{"message_id":{number},"date":0,"chat":{{"id":{chat},"type":"private"}}}}}}"#);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all((head + &body).as_bytes()).await?;
    }
}
