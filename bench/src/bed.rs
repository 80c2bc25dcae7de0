//! What every benchmark stands on: the running PostgreSQL and Redis, salons, pgbench, and the programs under test.

use std::{
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use salon_core::{
    app::App,
    config::{Config, ProcessEnvironment},
    ids::TenantId,
    tenant::{
        apply,
        file::{self, SecretError, SecretRef},
    },
};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

use crate::{Options, Result, telegram::Telegram};

/// A bot may send about 25 messages a second: so many salons that this limit is not what is measured.
const SALONS: usize = 64;
const SECRET: &str = "benchmark-secret";

/// A salon and where its bot's webhooks go.
#[derive(Debug, Clone)]
pub(crate) struct Salon {
    pub(crate) tenant: TenantId,
    pub(crate) account: uuid::Uuid,
    pub(crate) path: String,
}

impl Salon {
    /// A client's message, as Telegram posts it.
    pub(crate) fn message(&self, update: u64, chat: u64, text: &str) -> Vec<u8> {
        let body = format!(
            r#"{{"update_id":{update},"message":{{"message_id":{update},"from":{{"id":{chat},"is_bot":false,"first_name":"Мария","last_name":"Петрова","username":"maria{chat}","language_code":"ru"}},"chat":{{"id":{chat},"first_name":"Мария","last_name":"Петрова","username":"maria{chat}","type":"private"}},"date":1772442000,"text":"{text}"}}}}"#
        );
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\nx-telegram-bot-api-secret-token: {SECRET}\r\ncontent-length: {}\r\n\r\n",
            self.path,
            body.len()
        );
        (head + &body).into_bytes()
    }
}

/// How much pgbench does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Amount {
    Seconds(u64),
    /// Transactions of each client.
    Each(usize),
}

pub(crate) struct Bed {
    pub(crate) app: App,
    pub(crate) options: Options,
    pub(crate) salons: Vec<Salon>,
    pub(crate) telegram: Telegram,
}

impl Bed {
    pub(crate) async fn new(options: Options) -> Result<Self> {
        let config = Config::load(&ProcessEnvironment).map_err(|problems| problems.to_string())?;
        salon_core::ops::telemetry::init(&config.log);
        let app = App::new(config)?;
        let telegram = Telegram::start().await?;
        let mut salons = Vec::new();
        for number in 0..SALONS {
            salons.push(salon(&app, number, telegram.address()).await?);
        }
        Ok(Self { app, options, salons, telegram })
    }

    pub(crate) async fn owner(&self) -> Result<PgConnection> {
        Ok(PgConnection::connect(&self.options.database_admin_url).await?)
    }

    /// Empties what benchmarks fill, and writes out what earlier ones left behind: each begins alike.
    pub(crate) async fn clean(&self) -> Result<()> {
        let mut owner = self.owner().await?;
        let empty = "truncate job, job_finished, job_dead, inbound_event, inbound_seen, message, client cascade";
        sqlx::query(empty).execute(&mut owner).await?;
        self.checkpoint().await
    }

    pub(crate) async fn checkpoint(&self) -> Result<()> {
        let mut superuser = PgConnection::connect(&self.options.superuser_url).await?;
        sqlx::query("checkpoint").execute(&mut superuser).await?;
        Ok(())
    }

    /// A statement of the owner's; the number of rows.
    pub(crate) async fn run(&self, sql: String) -> Result<u64> {
        Ok(sqlx::query(AssertSqlSafe(sql)).execute(&mut self.owner().await?).await?.rows_affected())
    }

    pub(crate) async fn count(&self, from: &str) -> Result<i64> {
        Ok(sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {from}"))).fetch_one(&mut self.owner().await?).await?)
    }

    /// Transactions a second of a script of pgbench, as the application role, with prepared statements.
    pub(crate) async fn pgbench(&self, name: &str, script: &str, clients: usize, amount: Amount) -> Result<f64> {
        let file = self.options.scratch.join(format!("{name}.sql"));
        std::fs::write(&file, script)?;
        let limit = match amount {
            Amount::Seconds(seconds) => format!("--time={seconds}"),
            Amount::Each(transactions) => format!("--transactions={transactions}"),
        };
        let threads = clients.min(2);
        let output = Command::new(&self.options.pgbench)
            .args(["--no-vacuum", "--protocol=prepared", "--define=n=0", &limit])
            .arg(format!("--client={clients}"))
            .arg(format!("--jobs={threads}"))
            .arg("--file")
            .arg(&file)
            .arg(&self.options.database_url)
            .output()
            .await?;
        let said = String::from_utf8_lossy(&output.stdout);
        let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        match rate {
            Some(rate) if output.status.success() => Ok(rate),
            _ => Err(format!("pgbench: {said}{}", String::from_utf8_lossy(&output.stderr)).into()),
        }
    }

    /// Starts one of our programs, with its log beside the others'. It ends when the handle is dropped.
    pub(crate) async fn start(&self, program: &str, arguments: &[&str], ready: SocketAddr) -> Result<Running> {
        let log = self.options.scratch.join(format!("{program}.log"));
        let child = Command::new(self.options.programs.join(program))
            .args(arguments)
            .env_remove("DATABASE_ADMIN_URL")
            .env_remove("SUPERUSER_URL")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .kill_on_drop(true)
            .spawn()?;
        let mut running = Running { child, log };
        for _ in 0..200 {
            if TcpStream::connect(ready).await.is_ok() {
                return Ok(running);
            }
            if running.child.try_wait()?.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(format!("{program} did not start: {}", std::fs::read_to_string(&running.log)?).into())
    }

    pub(crate) async fn serve(&self) -> Result<Running> {
        self.start("salon-core", &["serve"], self.app.config.listen.ingress).await
    }
}

/// A program under test.
pub(crate) struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    pub(crate) async fn stop(mut self) -> Result<()> {
        self.child.kill().await?;
        Ok(())
    }
}

async fn salon(app: &App, number: usize, telegram: SocketAddr) -> Result<Salon> {
    let text = format!(
        "slug: bench-{number}\nname: Bench {number}\nzone: Europe/Moscow\nlanguages: [ru, en]\n\
         calcom: {{ base_url: 'http://{telegram}', api_key: cal_bench, team_id: {} }}\n\
         channels:\n  - {{ kind: telegram, name: main, bot_token: '{}:AAbench-token', secret_token: {SECRET}, base_url: 'http://{telegram}' }}\n\
         services:\n  - {{ key: haircut, title: Haircut, minutes: 60 }}\n\
         staff:\n  - {{ key: anna, name: Anna, host_user_id: 1, services: [{{ service: haircut, event_type_id: {} }}] }}\n",
        100 + number,
        7_000_000_000_u64 + number as u64,
        1000 + number,
    );
    let file = file::load(&text, &|_: &SecretRef| Err(SecretError::Missing)).map_err(|problems| format!("{problems:?}"))?;
    let applied = apply::apply(&app.db, &app.keyring, &file, &app.config.listen.public_url).await?;
    let mut tx = app.db.tenant(applied.tenant).await?;
    let hooks = salon_core::tenant::webhooks(&mut tx, &app.keyring).await?;
    let account = hooks.iter().find(|hook| hook.source == "telegram").map(|hook| hook.target).ok_or("no bot")?;
    let hook = applied.webhooks.iter().find(|hook| hook.address.path().contains("telegram")).ok_or("no webhook")?;
    Ok(Salon { tenant: applied.tenant, account, path: hook.address.path().to_owned() })
}
