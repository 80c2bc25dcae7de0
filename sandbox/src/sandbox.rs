//! All stand-ins behind one address.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use axum::Router;
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    net::TcpListener,
    runtime::{Handle, Runtime},
};

use crate::{
    bitrix24::Bitrix24,
    calcom::Calcom,
    clock::Clock,
    control::{self, Control},
    erxes::Erxes,
    espocrm::EspoCrm,
    instagram::Instagram,
    max::Max,
    messenger::Messenger,
    page,
    telegram::Telegram,
    vendor::Vendor,
    vk::Vk,
    whatsapp::WhatsApp,
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
    /// By the vendor's name, in the shape that each documents.
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
    /// WhatsApp's Cloud API under `{base_url}/whatsapp`.
    pub whatsapp: Arc<WhatsApp>,
    /// Instagram messaging under `{base_url}/instagram`.
    pub instagram: Arc<Instagram>,
    /// The cal.com API v2 under `{base_url}/v2`.
    pub calcom: Arc<Calcom>,
    /// The erxes gateway at `{base_url}/graphql`.
    pub erxes: Arc<Erxes>,
    /// A Bitrix24 portal under `{base_url}/bitrix24`.
    pub bitrix24: Arc<Bitrix24>,
    /// EspoCRM under `{base_url}/espocrm`.
    pub espocrm: Arc<EspoCrm>,
    /// VK's API under `{base_url}/vk`.
    pub vk: Arc<Vk>,
    /// The MAX Bot API under `{base_url}/max`.
    pub max: Arc<Max>,
    vendors: Vec<Arc<dyn Vendor>>,
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
        let whatsapp = WhatsApp::new(Arc::clone(&world), tasks.handle.clone()).map_err(io::Error::other)?;
        let instagram = Instagram::new(Arc::clone(&world), tasks.handle.clone()).map_err(io::Error::other)?;
        let calcom = Calcom::new(Arc::clone(&world));
        let erxes = Erxes::new(Arc::clone(&world));
        let bitrix24 = Bitrix24::new(Arc::clone(&world), &tasks.handle).map_err(io::Error::other)?;
        let espocrm = EspoCrm::new(Arc::clone(&world), &tasks.handle).map_err(io::Error::other)?;
        let vk = Vk::new(Arc::clone(&world), tasks.handle.clone()).map_err(io::Error::other)?;
        let max = Max::new(Arc::clone(&world), tasks.handle.clone()).map_err(io::Error::other)?;
        let messengers: Vec<Arc<dyn Messenger>> =
            vec![telegram.clone(), max.clone(), vk.clone(), whatsapp.clone(), instagram.clone()];
        let others: [Arc<dyn Vendor>; 4] = [calcom.clone(), erxes.clone(), bitrix24.clone(), espocrm.clone()];
        let as_vendor = |messenger: &Arc<dyn Messenger>| Arc::clone(messenger) as Arc<dyn Vendor>;
        let vendors: Vec<Arc<dyn Vendor>> = messengers.iter().map(as_vendor).chain(others).collect();
        let mut routes = page::router();
        for vendor in &vendors {
            routes = routes.merge(Arc::clone(vendor).router());
        }
        let control = Control::new(Arc::clone(&world), Arc::clone(&clock), vendors.clone(), messengers);
        let routes = routes.merge(control::router(control));
        let addr = tasks.listen(options.addr, routes).await?;
        let base_url = format!("http://{addr}");
        let sandbox = Self {
            base_url,
            world,
            clock,
            telegram,
            calcom,
            erxes,
            bitrix24,
            espocrm,
            vk,
            max,
            whatsapp,
            instagram,
            vendors,
            _tasks: tasks,
        };
        sandbox.plant(&options.scenario)?;
        Ok(sandbox)
    }

    /// Puts more data into the vendors.
    ///
    /// # Errors
    ///
    /// When there is no such vendor, or its data can't be used.
    pub fn plant(&self, scenario: &Scenario) -> io::Result<()> {
        let unfit = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
        for (name, data) in &scenario.seed {
            let vendor = self.vendors.iter().find(|vendor| vendor.name() == name);
            let vendor = vendor.ok_or_else(|| unfit(format!("no vendor `{name}`")))?;
            vendor.seed(data).map_err(|error| unfit(format!("{name}: {error}")))?;
        }
        Ok(())
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

    /// Serves `routes`; answers where.
    async fn listen(&self, addr: SocketAddr, routes: Router) -> io::Result<SocketAddr> {
        let listening = self.handle.spawn(async move {
            let listener = TcpListener::bind(addr).await?;
            let addr = listener.local_addr()?;
            tokio::spawn(async move { axum::serve(listener, routes).await });
            Ok(addr)
        });
        listening.await.map_err(io::Error::other)?
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
