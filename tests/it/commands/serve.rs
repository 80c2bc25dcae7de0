//! `salon-core serve`: how it stops, and what it does to those who hold connections open.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, ChildStderr, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);

struct Serving {
    process: Child,
    log: BufReader<ChildStderr>,
    addresses: BTreeMap<String, SocketAddr>,
}

impl Serving {
    fn start(world: &World) -> Self {
        let mut command = command(world, &["serve"]);
        command.env("SALON_LOG_FORMAT", "json").stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        // From here on it is stopped, whatever happens.
        let mut serving = Self { process, log, addresses: BTreeMap::new() };
        while serving.addresses.len() < 3 {
            let line = serving.next_line().expect("it serves");
            if line["message"] == "listening" {
                let address = line["address"].as_str().unwrap().parse().unwrap();
                serving.addresses.insert(line["name"].as_str().unwrap().to_owned(), address);
            }
        }
        serving
    }

    /// The next line of the log; none when it has ended.
    fn next_line(&mut self) -> Option<Value> {
        let mut line = String::new();
        (self.log.read_line(&mut line).unwrap() > 0).then(|| serde_json::from_str(&line).unwrap())
    }

    fn connect(&self, name: &str) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(self.addresses[name])?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// Status and body.
    fn readiness(&self) -> (String, String) {
        let mut stream = self.connect("ops").unwrap();
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
    }

    fn terminate(&self) {
        assert!(Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until `ready` is true.
fn until(what: &str, mut ready: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !ready() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn while_it_drains_it_says_so_and_takes_nothing_new() {
    let world = World::new().await;
    let mut serving = Serving::start(&world);
    assert_eq!(serving.readiness().0, "200");

    // A request that is under way: its body is asked for, and withheld.
    let mut slow = serving.connect("ingress").unwrap();
    slow.write_all(
        b"POST /webhooks/telegram/guessed HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
    )
    .unwrap();
    let mut invited = [0; 25];
    slow.read_exact(&mut invited).unwrap();
    assert!(invited.starts_with(b"HTTP/1.1 100 Continue"));

    serving.terminate();
    until("not ready", || serving.readiness().0 == "503");
    assert!(serving.readiness().1.contains("\"stopping\":true"), "{}", serving.readiness().1);
    until("closed to the public", || serving.connect("ingress").is_err() && serving.connect("graphql").is_err());
    assert_eq!(serving.readiness().0, "503", "as long as something is under way");

    slow.write_all(b"{}").unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("HTTP/1.1 404 "), "{answer}");
    assert!(serving.process.wait().unwrap().success());
    assert!(serving.connect("ops").is_err());
    let stopped = std::iter::from_fn(|| serving.next_line()).find(|line| line["message"] == "stopped").unwrap();
    assert_eq!((&stopped["signal"], &stopped["drained"]), (&Value::from("SIGTERM"), &Value::from(true)));
}

#[tokio::test]
async fn a_connection_that_never_finishes_its_headers_is_cut() {
    let world = World::new().await;
    let serving = Serving::start(&world);
    let begun = Instant::now();
    let half = b"GET /livez HTTP/1.1\r\nHost: here\r\nX-Slow:".as_slice();
    let connections: Vec<TcpStream> = ["ingress", "graphql", "ops"]
        .into_iter()
        .flat_map(|name| [(name, half), (name, b"".as_slice())])
        .map(|(name, said)| {
            let mut stream = serving.connect(name).unwrap();
            stream.write_all(said).unwrap();
            stream
        })
        .collect();
    for mut stream in connections {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("closed, and not reset or left open");
        assert!(begun.elapsed() > Duration::from_secs(9), "after {:?}", begun.elapsed());
    }
    assert_eq!(serving.readiness().0, "200", "others were answered meanwhile");
}

#[tokio::test]
async fn it_refuses_the_owners_role() {
    let world = World::new().await;
    let mut as_owner = command(&world, &["serve"]);
    as_owner.env("DATABASE_URL", world.admin_url.expose_secret());
    let ran = run(as_owner);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("the role of DATABASE_URL owns tables"), "{}", ran.err);
}
