//! All stand-ins behind one address.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use serde::Deserialize;
use serde_json::Value;
use tokio::{
    net::TcpListener,
    runtime::{Handle, Runtime},
};

use crate::{
    calcom::Calcom,
    clock::Clock,
    control::{self, Control},
    erxes::Erxes,
    max::Max,
    page,
    telegram::{Manners, NewBot, Person, Telegram},
    vendor::Vendor,
    vk::Vk,
    world::World,
};

/// How to start a sandbox.
#[derive(Debug)]
pub struct Options {
    /// Address to listen on; port 0 picks a free one.
    pub addr: SocketAddr,
    /// File that carries the clock's offset to the product's processes.
    pub clock_file: Option<PathBuf>,
    /// Data to begin with.
    pub scenario: Scenario,
}

impl Default for Options {
    fn default() -> Self {
        Self { addr: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), clock_file: None, scenario: Scenario::default() }
    }
}

/// Data that the vendors hold before the product comes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Telegram bots.
    pub bots: Vec<NewBot>,
    /// People with a Telegram account.
    pub people: Vec<Person>,
    /// How Telegram behaves.
    pub manners: Manners,
    /// Data of the other vendors by their name, in the shape that each documents.
    pub seed: BTreeMap<String, Value>,
}

/// A running sandbox; it stops, connections and deliveries included, when this is dropped.
#[derive(Debug)]
pub struct Sandbox {
    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub base_url: String,
    /// Clock, faults, ledger.
    pub world: Arc<World>,
    /// Moves the world's clock and writes the clock file.
    pub clock: Arc<Clock>,
    /// The Telegram Bot API under `{base_url}/telegram`.
    pub telegram: Arc<Telegram>,
    /// The cal.com API v2 under `{base_url}/v2`.
    pub calcom: Arc<Calcom>,
    /// The erxes gateway at `{base_url}/graphql`.
    pub erxes: Arc<Erxes>,
    /// VK's API under `{base_url}/vk`.
    pub vk: Arc<Vk>,
    /// The MAX Bot API under `{base_url}/max`.
    pub max: Arc<Max>,
    _tasks: Tasks,
}

impl Sandbox {
    /// Starts all stand-ins, the control API and the page.
    ///
    /// # Errors
    ///
    /// When the address is taken, the clock file can't be written or the scenario does not fit.
    pub async fn start(options: Options) -> io::Result<Self> {
        // Another part of the process may have installed the provider already; that is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tasks = Tasks::start()?;
        let world = World::new();
        let clock = Arc::new(Clock::new(Arc::clone(&world), options.clock_file)?);
        let telegram = Telegram::new(Arc::clone(&world), tasks.handle.clone()).map_err(io::Error::other)?;
        let calcom = Calcom::new(Arc::clone(&world));
        let erxes = Erxes::new(Arc::clone(&world));
        let vk = Vk::new(Arc::clone(&world), tasks.handle.clone()).map_err(io::Error::other)?;
        let max = Max::new(Arc::clone(&world), tasks.handle.clone()).map_err(io::Error::other)?;
        let vendors: Vec<Arc<dyn Vendor>> = vec![
            Arc::clone(&calcom) as Arc<dyn Vendor>,
            Arc::clone(&erxes) as Arc<dyn Vendor>,
            Arc::clone(&vk) as Arc<dyn Vendor>,
            Arc::clone(&max) as Arc<dyn Vendor>,
        ];
        plant(&telegram, &vendors, options.scenario)?;

        let (telegram_routes, mut routes) = (telegram.router(), page::router());
        for vendor in &vendors {
            routes = routes.merge(Arc::clone(vendor).router());
        }
        let control = Control::new(Arc::clone(&world), Arc::clone(&clock), Arc::clone(&telegram), vendors);
        let routes = routes.merge(telegram_routes).merge(control::router(control));
        let listening = tasks.handle.spawn(async move {
            let listener = TcpListener::bind(options.addr).await?;
            let addr = listener.local_addr()?;
            tokio::spawn(async move { axum::serve(listener, routes).await });
            Ok::<_, io::Error>(addr)
        });
        let addr = listening.await.map_err(io::Error::other)??;
        Ok(Self { base_url: format!("http://{addr}"), world, clock, telegram, calcom, erxes, vk, max, _tasks: tasks })
    }
}

/// A runtime of the sandbox's own: dropping it ends every connection, also those that were told to hang.
#[derive(Debug)]
struct Tasks {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Tasks {
    fn start() -> io::Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("sandbox").enable_all().build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn plant(telegram: &Telegram, vendors: &[Arc<dyn Vendor>], scenario: Scenario) -> io::Result<()> {
    let unfit = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    for bot in scenario.bots {
        telegram.add_bot(bot).map_err(|error| unfit(error.to_string()))?;
    }
    for person in scenario.people {
        telegram.add_person(person);
    }
    telegram.set_manners(scenario.manners);
    for (name, data) in &scenario.seed {
        let vendor = vendors.iter().find(|vendor| vendor.name() == name);
        let vendor = vendor.ok_or_else(|| unfit(format!("no vendor `{name}`")))?;
        vendor.seed(data).map_err(|error| unfit(format!("{name}: {error}")))?;
    }
    Ok(())
}
