//! The changes a caller may make: what is done about dead letters. Each letter is seen to in a transaction of its own tenant, with a row in
//! its audit log; the letter's own state decides who was first, so a change asked for twice is done once.

use async_graphql::{Context, Object};
use uuid::Uuid;

use super::{
    access::{Manager, manager},
    page::{parse_name, parse_uuid},
    types::{SalonDeadLettersFilter, SalonDeadLettersResponse},
};
use crate::{
    error::{Code, Problem},
    ids::JobId,
    job,
    store::{DeadLetter, DeadLetters, StoreError},
};

/// How many letters one call sees to: some seconds' work.
const MOST: usize = 100;
/// What such a call costs on top of what it returns: a request holds a few.
const COST: usize = 2_000;

/// The root of all changes.
#[derive(Debug)]
pub struct Mutation;

#[Object]
impl Mutation {
    /// Puts dead letters back to work, from their first attempt: these, or up to a hundred that fit.
    #[graphql(complexity = "COST + child_complexity")]
    async fn salon_dead_letters_replay(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100; of those that fit the filter too, if there is one")] ids: Option<Vec<String>>,
        filter: Option<SalonDeadLettersFilter>,
    ) -> Result<Option<SalonDeadLettersResponse>, Problem> {
        each(&manager(ctx)?, ids, filter, &Act::Replay).await.map(Some)
    }

    /// Gives dead letters up for good: these, or up to a hundred that fit. They stay on record, and what they worked for ends.
    #[graphql(complexity = "COST + child_complexity")]
    async fn salon_dead_letters_discard(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "At most 100; of those that fit the filter too, if there is one")] ids: Option<Vec<String>>,
        filter: Option<SalonDeadLettersFilter>,
        #[graphql(desc = "Why, in one line of at most 300 characters, for the audit log")] reason: String,
    ) -> Result<Option<SalonDeadLettersResponse>, Problem> {
        let manager = manager(ctx)?;
        let refused = |rule| Problem::new(Code::InvalidArgument, format!("reason: {rule}"));
        let reason = job::one_line(&reason).map_err(refused)?;
        each(&manager, ids, filter, &Act::Discard(reason)).await.map(Some)
    }
}

/// What is done about a letter.
enum Act {
    Replay,
    /// For this reason.
    Discard(String),
}

impl Act {
    /// False if somebody else was first.
    async fn on(&self, letter: &DeadLetter, manager: &Manager<'_>) -> Result<bool, StoreError> {
        match self {
            Self::Replay => job::replay(manager.db(), letter, manager.actor).await,
            Self::Discard(reason) => Ok(job::discard(manager.db(), letter, manager.actor, reason).await?.is_some()),
        }
    }
}

/// Sees to the letters that are open now and in the caller's sight.
async fn each(
    manager: &Manager<'_>,
    ids: Option<Vec<String>>,
    filter: Option<SalonDeadLettersFilter>,
    act: &Act,
) -> Result<SalonDeadLettersResponse, Problem> {
    let asked = ids.map(|ids| parse_ids(&ids)).transpose()?;
    let filter = filter.unwrap_or_default();
    let all = filter.tenant_id.is_none() && filter.queue.is_none() && filter.kind.is_none();
    if all && asked.is_none() {
        return Err(Problem::new(
            Code::InvalidArgument,
            "filter: must name a tenantId, a queue or a kind where there are no ids",
        ));
    }
    let (queue, kind) = (parse_name("filter.queue", filter.queue)?, parse_name("filter.kind", filter.kind)?);
    let mut which = DeadLetters { ids: asked.clone(), queue, kind, ..DeadLetters::default() };
    which.tenants = manager.view.sight.letters_of(filter.tenant_id.as_deref()).await?;
    let mut open = manager.view.sight.letters(&which, MOST + 1).await?;
    let has_more = open.len() > MOST;
    open.truncate(MOST);
    let mut done = Vec::new();
    for letter in &open {
        if act.on(letter, manager).await? {
            done.push(letter.id);
        }
    }
    let texts = |ids: Vec<JobId>| ids.iter().map(ToString::to_string).collect();
    let unknown: Vec<JobId> = asked.into_iter().flatten().filter(|id| !done.contains(id)).collect();
    Ok(SalonDeadLettersResponse {
        count: i32::try_from(done.len()).ok(),
        ids: Some(texts(done)),
        unknown_ids: Some(texts(unknown)),
        has_more: Some(has_more),
    })
}

fn parse_ids(ids: &[String]) -> Result<Vec<JobId>, Problem> {
    if ids.is_empty() || ids.len() > MOST {
        return Err(Problem::new(Code::InvalidArgument, format!("ids: must be 1 to {MOST}")));
    }
    let mut ids = ids.iter().map(|id| parse_uuid("ids", id)).collect::<Result<Vec<Uuid>, _>>()?;
    ids.sort_unstable();
    ids.dedup();
    Ok(ids.into_iter().map(JobId).collect())
}
