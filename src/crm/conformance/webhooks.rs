//! Webhooks in, as the stand-in posts them.

use std::{collections::HashSet, sync::Arc, time::Duration};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap as Headers, routing::post};
use chrono::TimeDelta;
use http::HeaderMap;
use tokio::sync::{Mutex, mpsc};
use url::{Url, form_urlencoded};

use super::{Post, Proof, Staff, bench::Bench, cards::client, cases::Cell};
use crate::crm::{BY_HAND, CrmSecrets, Entity, Hint};

const NO_HOOKS: Cell = Cell::No("it posts nothing");
/// How long a delivery may take. Far above what it does.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where deliveries go.
struct Catcher {
    address: Url,
    caught: mpsc::UnboundedReceiver<Post>,
}

type Caught = State<Arc<Mutex<mpsc::UnboundedSender<Post>>>>;

async fn catch(State(sender): Caught, headers: Headers, body: Bytes) {
    sender.lock().await.send((headers, body.to_vec())).unwrap();
}

impl Catcher {
    async fn start() -> Self {
        let (sender, caught) = mpsc::unbounded_channel();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/hook", listener.local_addr().unwrap()).parse().unwrap();
        let app = Router::new().route("/hook", post(catch)).with_state(Arc::new(Mutex::new(sender)));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, caught }
    }
}

/// A CRM that posts what happens to a client's record.
struct Hooked<'a> {
    bench: &'a Bench,
    secrets: CrmSecrets,
    record: String,
    catcher: Catcher,
}

impl<'a> Hooked<'a> {
    /// None where there are no webhooks.
    async fn of(bench: &'a Bench) -> Option<Self> {
        if !bench.adapter().capabilities().webhooks {
            return None;
        }
        let record = bench.made(&client(1)).await;
        let (catcher, mut secrets) = (Catcher::start().await, bench.account.secrets.clone());
        match bench.adapter().ensure_webhooks(&bench.call(), &catcher.address).await {
            Ok(hooks) => secrets.hooks = hooks,
            Err(failure) if failure.code == BY_HAND => (bench.about.hooks.by_hand)(&bench.sandbox, &catcher.address),
            Err(failure) => panic!("{}: {failure:?}", bench.kind),
        }
        Some(Self { bench, secrets, record, catcher })
    }

    /// What is posted when somebody gives the client another name, a while after what was before.
    async fn renamed(&mut self, name: &str) -> Post {
        self.bench.sandbox.world.advance(TimeDelta::seconds(3));
        self.bench.staff(Staff::Rename { record: &self.record, name });
        match self.bench.about.hooks.post {
            Some(post) => post(&self.bench.sandbox, &self.record),
            None => tokio::time::timeout(PATIENCE, self.catcher.caught.recv()).await.expect("nothing was posted").unwrap(),
        }
    }

    fn accepts(&self, (headers, body): &Post, secrets: &CrmSecrets) -> bool {
        self.bench.adapter().verify(headers, body, secrets, self.bench.now()).is_ok()
    }

    fn parse(&self, (headers, body): &Post) -> Vec<Hint> {
        self.bench.adapter().parse(headers, body, &self.secrets).unwrap()
    }

    /// The bytes of the proof.
    fn proof(&self, (headers, body): &Post) -> Vec<u8> {
        match self.bench.about.hooks.proof {
            Proof::Headers(names) => headers[names[0]].as_bytes().to_vec(),
            Proof::Form(key) => {
                let value = form_urlencoded::parse(body).find(|(name, _)| name == key).map(|(_, value)| value.into_owned());
                value.unwrap().into_bytes()
            }
        }
    }

    /// The same delivery with another proof; none takes it away.
    fn with(&self, (headers, body): &Post, proof: Option<&[u8]>) -> Post {
        let (mut headers, mut body) = (headers.clone(), body.clone());
        match self.bench.about.hooks.proof {
            Proof::Headers(names) => match proof {
                Some(proof) => _ = headers.insert(names[0], proof.try_into().unwrap()),
                None => names.iter().for_each(|name| _ = headers.remove(*name)),
            },
            Proof::Form(key) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                for (name, value) in form_urlencoded::parse(&body).filter(|(name, _)| name != key) {
                    form.append_pair(&name, &value);
                }
                if let Some(proof) = proof {
                    form.append_pair(key, &String::from_utf8_lossy(proof));
                }
                body = form.finish().into_bytes();
            }
        }
        (headers, body)
    }
}

pub(super) async fn a_proof_is_accepted(bench: &Bench) -> Cell {
    let Some(mut hooked) = Hooked::of(bench).await else { return NO_HOOKS };
    let post = hooked.renamed("Anna-Maria").await;
    assert!(hooked.accepts(&post, &hooked.secrets), "{}", bench.kind);
    let hints = hooked.parse(&post);
    let about = Some((Entity::Client, hooked.record.clone()));
    assert!(hints.iter().any(|hint| hint.about == about), "{}: {hints:?}", bench.kind);
    // A hint is read, and only that is believed.
    assert!(bench.read(Entity::Client, &hooked.record).await.name.is_some_and(|name| name.contains("Anna-Maria")));
    Cell::Ok
}

pub(super) async fn a_proof_with_one_bit_flipped_is_refused(bench: &Bench) -> Cell {
    let Some(mut hooked) = Hooked::of(bench).await else { return NO_HOOKS };
    let post = hooked.renamed("Anna-Maria").await;
    let flipped = |bytes: &[u8], index: usize| {
        let mut bytes = bytes.to_vec();
        bytes[index] ^= 1;
        bytes
    };
    let proof = hooked.proof(&post);
    for index in 0..proof.len() {
        let wrong = hooked.with(&post, Some(&flipped(&proof, index)));
        assert!(!hooked.accepts(&wrong, &hooked.secrets), "{}: bit of byte {index} flipped", bench.kind);
    }
    for wrong in [&proof[1..], &proof[..proof.len() - 1], &[&proof[..], b"0"].concat(), b""] {
        assert!(!hooked.accepts(&hooked.with(&post, Some(wrong)), &hooked.secrets), "{}: wrong length", bench.kind);
    }
    if bench.about.hooks.covers_body {
        for index in 0..post.1.len() {
            let wrong = (post.0.clone(), flipped(&post.1, index));
            assert!(!hooked.accepts(&wrong, &hooked.secrets), "{}: bit of byte {index} of the body flipped", bench.kind);
        }
    }
    Cell::Ok
}

pub(super) async fn no_proof_and_anothers_are_refused(bench: &Bench) -> Cell {
    let Some(mut hooked) = Hooked::of(bench).await else { return NO_HOOKS };
    let post = hooked.renamed("Anna-Maria").await;
    assert!(!hooked.accepts(&hooked.with(&post, None), &hooked.secrets), "{}: no proof", bench.kind);
    assert!(!hooked.accepts(&(HeaderMap::new(), Vec::new()), &hooked.secrets), "{}: nothing at all", bench.kind);
    assert!(!hooked.accepts(&post, &CrmSecrets::default()), "{}: an account that knows nothing", bench.kind);
    let mut other = hooked.secrets.clone();
    other.webhook_secret = other.webhook_secret.map(|_| "another".into());
    other.hooks.iter_mut().for_each(|hook| hook.secret = "another".into());
    assert!(!hooked.accepts(&post, &other), "{}: another's", bench.kind);
    other.webhook_secret = other.webhook_secret.map(|_| "".into());
    other.hooks.iter_mut().for_each(|hook| hook.secret = "".into());
    assert!(!hooked.accepts(&hooked.with(&post, Some(b"")), &other), "{}: an empty secret", bench.kind);
    Cell::Ok
}

pub(super) async fn a_repeated_delivery_is_the_same_event(bench: &Bench) -> Cell {
    let Some(mut hooked) = Hooked::of(bench).await else { return NO_HOOKS };
    let (one, two) = (hooked.renamed("Anna-Maria").await, hooked.renamed("Anna-Sophie").await);
    let ids = |post: &Post| hooked.parse(post).into_iter().map(|hint| hint.vendor_event_id).collect::<Vec<_>>();
    assert_eq!(ids(&one), ids(&one), "{}", bench.kind);
    let (first, second): (HashSet<_>, HashSet<_>) = (ids(&one).into_iter().collect(), ids(&two).into_iter().collect());
    assert!(first.is_disjoint(&second), "{}: another change is another event", bench.kind);
    Cell::Ok
}

pub(super) async fn a_batch_is_taken_apart(bench: &Bench) -> Cell {
    let Some(mut hooked) = Hooked::of(bench).await else { return NO_HOOKS };
    let Some(batch) = bench.about.hooks.batch else { return Cell::No("it posts one event at a time") };
    let (post, count) = batch(hooked.renamed("Anna-Maria").await);
    let hints = hooked.parse(&post);
    let ids: HashSet<_> = hints.iter().map(|hint| &hint.vendor_event_id).collect();
    assert_eq!((hints.len(), ids.len()), (count, count), "{}", bench.kind);
    Cell::Ok
}

pub(super) async fn an_unknown_event_is_about_nothing(bench: &Bench) -> Cell {
    let Some(mut hooked) = Hooked::of(bench).await else { return NO_HOOKS };
    let post = (bench.about.hooks.unknown)(hooked.renamed("Anna-Maria").await);
    let hints = hooked.parse(&post);
    assert!(!hints.is_empty() && hints.iter().all(|hint| hint.about.is_none()), "{}: {hints:?}", bench.kind);
    Cell::Ok
}

pub(super) async fn what_is_not_the_vendors_is_refused(bench: &Bench) -> Cell {
    let Some(mut hooked) = Hooked::of(bench).await else { return NO_HOOKS };
    let (headers, _) = hooked.renamed("Anna-Maria").await;
    for body in ["", "not a hook", "null", "{", "{\"private\": \"words\"}", "\u{0}\u{1}"] {
        let told = bench.adapter().parse(&headers, body.as_bytes(), &hooked.secrets).map_err(|error| error.to_string());
        let error = told.expect_err(body);
        assert!(!error.is_empty() && (body.len() < 5 || !error.contains(body)), "{}: {error}", bench.kind);
    }
    Cell::Ok
}
