//! Pacing: at most so many calls per credential and per chat, shared by all processes through Redis. One atomic script (GCRA, the
//! generic cell rate algorithm, as in ATM Forum TM 4.0) asks for all limits of a call at once: either all of them count the call or
//! none does. Without Redis each process keeps to a share that is safe together with the others.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use redis::{
    Client, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

/// How often something may be done: `count` times in any `per`, `burst` of them at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Calls.
    pub count: u32,
    /// Time in which they fall.
    pub per: Duration,
    /// How many may come at once after a pause.
    pub burst: u32,
}

impl Rate {
    /// So many a second, and as many at once.
    pub const fn per_second(count: u32) -> Self {
        Self { count, per: Duration::from_secs(1), burst: count }
    }

    /// So many a minute, `burst` of them at once.
    pub const fn per_minute(count: u32, burst: u32) -> Self {
        Self { count, per: Duration::from_secs(60), burst }
    }

    /// As its owner says, in calls a second, or else as its vendor publishes.
    #[must_use]
    pub fn or_as_told(self, per_second: Option<u32>) -> Self {
        per_second.map_or(self, Self::per_second)
    }

    /// The time that one call takes up of a process's share.
    fn share(&self) -> Duration {
        Duration::from_micros(self.emission().saturating_mul(SHARES))
    }

    /// How far ahead of its time a share may be used up.
    fn share_burst(&self) -> Duration {
        self.share().saturating_mul((self.burst / SHARES_OF_BURST).saturating_sub(1))
    }

    /// Microseconds that one call takes up.
    fn emission(&self) -> u64 {
        u64::try_from(self.per.as_micros()).unwrap_or(u64::MAX) / u64::from(self.count.max(1))
    }
}

/// With Redis away, each process takes this part of a limit, of its rate and of its burst: safe for up to so many processes.
const SHARES: u64 = 4;
const SHARES_OF_BURST: u32 = 4;

const GCRA: &str = r"
local now = redis.call('TIME'); now = now[1] * 1000000 + now[2]
local wait = 0
local tats = {}
for i, key in ipairs(KEYS) do
  local emission, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local tat = tonumber(redis.call('GET', key) or now)
  if tat < now then tat = now end
  tats[i] = tat + emission
  wait = math.max(wait, tats[i] - emission * burst - now)
end
if wait > 0 then return math.ceil(wait) end
for i, key in ipairs(KEYS) do
  redis.call('SET', key, string.format('%.0f', tats[i]), 'PX', math.ceil((tats[i] - now) / 1000) + 1)
end
return 0";

const PAUSE: &str = r"
local now = redis.call('TIME'); now = now[1] * 1000000 + now[2]
local tat = tonumber(redis.call('GET', KEYS[1]) or now)
local until_ = now + tonumber(ARGV[1])
if until_ > tat then redis.call('SET', KEYS[1], string.format('%.0f', until_), 'PX', math.ceil((until_ - now) / 1000) + 1) end
return 0";

/// Asks for permission to call.
#[derive(Clone)]
pub struct Pacer {
    redis: Option<ConnectionManager>,
    gcra: Arc<Script>,
    pause: Arc<Script>,
    local: Arc<Mutex<Local>>,
}

/// What one process knows by itself.
#[derive(Default)]
struct Local {
    /// When what was counted for a key will be used up (GCRA: the theoretical arrival time).
    used_until: HashMap<String, Instant>,
    /// Until when a vendor wants to hear nothing.
    paused_until: HashMap<String, Instant>,
}

impl std::fmt::Debug for Pacer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pacer").field("redis", &self.redis.is_some()).finish_non_exhaustive()
    }
}

impl Pacer {
    /// A pacer that shares its limits through `redis`, or keeps to a safe share alone.
    pub fn new(redis: Option<&Client>) -> Self {
        // A Redis that hangs must not hold up a message for longer than its limit would.
        let settings = ConnectionManagerConfig::new()
            .set_response_timeout(Some(Duration::from_millis(250)))
            .set_connection_timeout(Some(Duration::from_millis(250)))
            .set_number_of_retries(0);
        Self {
            redis: redis.and_then(|client| ConnectionManager::new_lazy_with_config(client.clone(), settings).ok()),
            gcra: Arc::new(Script::new(GCRA)),
            pause: Arc::new(Script::new(PAUSE)),
            local: Arc::default(),
        }
    }

    /// Counts a call against all `limits`, or against none and says how long to wait.
    ///
    /// # Errors
    /// The time until the same question may be answered with yes.
    pub async fn acquire(&self, limits: &[(String, Rate)]) -> Result<(), Duration> {
        if let Some(redis) = &self.redis {
            let mut call = self.gcra.prepare_invoke();
            for (key, rate) in limits {
                call.key(format!("salon:pace:{key}")).arg(rate.emission()).arg(rate.burst);
            }
            match call.invoke_async::<u64>(&mut redis.clone()).await {
                Ok(0) => return Ok(()),
                Ok(wait) => return Err(Duration::from_micros(wait)),
                Err(error) => tracing::debug!(%error, "pacing without Redis"),
            }
        }
        self.acquire_share(limits)
    }

    /// Keeps everybody from calling for as long as the vendor said.
    pub async fn pause(&self, key: &str, wait: Duration) {
        let micros = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        if let Some(redis) = &self.redis {
            let mut call = self.pause.prepare_invoke();
            call.key(format!("salon:pace:{key}")).arg(micros);
            let _: Result<u64, _> = call.invoke_async(&mut redis.clone()).await;
        }
        let until = Instant::now() + wait;
        let mut local = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        let free_at = local.paused_until.entry(key.to_owned()).or_insert(until);
        *free_at = (*free_at).max(until);
    }

    fn acquire_share(&self, limits: &[(String, Rate)]) -> Result<(), Duration> {
        let now = Instant::now();
        let mut local = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        local.forget_the_quiet(now);
        let wait = limits.iter().filter_map(|(key, rate)| local.free_at(key, *rate)?.checked_duration_since(now)).max();
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        for (key, rate) in limits {
            let used = local.used_until.entry(key.clone()).or_insert(now);
            *used = (*used).max(now) + rate.share();
        }
        Ok(())
    }
}

impl Local {
    /// When a call may be made; none: at once.
    fn free_at(&self, key: &str, rate: Rate) -> Option<Instant> {
        let used = self.used_until.get(key).map(|until| until.checked_sub(rate.share_burst()).unwrap_or(*until));
        used.max(self.paused_until.get(key).copied())
    }

    /// Who has been quiet needs no memory.
    fn forget_the_quiet(&mut self, now: Instant) {
        for kept in [&mut self.used_until, &mut self.paused_until] {
            if kept.len() > 10_000 {
                kept.retain(|_, until| *until > now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_redis_one_process_keeps_to_its_share_of_every_limit() {
        let pacer = Pacer::new(None);
        let rate = |count| Rate { count, per: Duration::from_secs(1), burst: 1 };
        let limits = |chat: &str| [("bot".to_owned(), rate(20)), (chat.to_owned(), rate(1))];
        assert_eq!(pacer.acquire(&limits("chat 1")).await, Ok(()));
        let wait = pacer.acquire(&limits("chat 1")).await.unwrap_err();
        assert!(wait > Duration::from_secs(3) && wait <= Duration::from_secs(4), "{wait:?}");
        // The refused call counted against nobody: another chat only waits for the bot's own share.
        let wait = pacer.acquire(&limits("chat 2")).await.unwrap_err();
        assert!(wait <= Duration::from_millis(200), "{wait:?}");
    }

    #[tokio::test]
    async fn without_redis_a_process_has_its_share_of_a_burst() {
        let pacer = Pacer::new(None);
        let limits = [("form".to_owned(), Rate { count: 1, per: Duration::from_secs(60), burst: 12 })];
        for _ in 0..3 {
            assert_eq!(pacer.acquire(&limits).await, Ok(()));
        }
        let wait = pacer.acquire(&limits).await.unwrap_err();
        assert!(wait > Duration::from_secs(230) && wait <= Duration::from_secs(240), "{wait:?}");
        pacer.pause("form", Duration::from_secs(600)).await;
        assert!(pacer.acquire(&limits).await.unwrap_err() > Duration::from_secs(599), "a pause is for bursts too");
    }

    #[tokio::test]
    async fn a_pause_named_by_the_vendor_holds_everybody() {
        let pacer = Pacer::new(None);
        let limits = [("bot".to_owned(), Rate { count: 1000, per: Duration::from_secs(1), burst: 1 })];
        pacer.pause("bot", Duration::from_secs(30)).await;
        assert!(pacer.acquire(&limits).await.unwrap_err() > Duration::from_secs(29));
    }
}
