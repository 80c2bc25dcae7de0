//! Dead letters: jobs that were given up.

use async_graphql::{Context, InputObject, Object, SimpleObject};

use super::{Date, SalonTenant, text_enum::text_enum};
use crate::{
    error::Problem,
    graphql::{
        access::view,
        page::{Page, SalonPageInfo},
    },
    store::{DeadLetter, DeadLetters},
};

text_enum! {
    /// What became of a dead letter.
    SalonDeadLetterResolution {
        /// Put back to work.
        Replayed = "replayed",
        /// Given up for good.
        Discarded = "discarded",
    }
}

/// A job that was given up, and waits for somebody to put it back to work or to give it up for good.
#[derive(Debug, Clone)]
pub struct SalonDeadLetter(pub(in crate::graphql) DeadLetter);

/// A job that was given up, and waits for somebody to put it back to work or to give it up for good.
#[Object]
impl SalonDeadLetter {
    #[graphql(name = "_id")]
    async fn id(&self) -> Option<String> {
        Some(self.0.id.to_string())
    }

    async fn tenant(&self, ctx: &Context<'_>) -> Result<Option<SalonTenant>, Problem> {
        Ok(view(ctx)?.batches.load_one(self.0.tenant_id).await?.map(SalonTenant))
    }

    /// The job's name.
    async fn kind(&self) -> Option<&str> {
        Some(&self.0.kind)
    }

    /// The queue's name.
    async fn queue(&self) -> Option<&str> {
        Some(&self.0.queue)
    }

    /// Why it was given up.
    async fn reason(&self) -> Option<&str> {
        Some(&self.0.reason)
    }

    /// What the vendor answered, without a person's data; null if no answer was why.
    async fn answer(&self) -> Option<&str> {
        self.0.answer.as_deref()
    }

    /// How often it was tried.
    async fn attempts(&self) -> Option<i32> {
        Some(self.0.attempt)
    }

    async fn died_at(&self) -> Option<Date> {
        Some(self.0.died_at.into())
    }

    /// When somebody saw to it; null while it is open.
    async fn resolved_at(&self) -> Option<Date> {
        self.0.resolved_at.map(Date)
    }

    /// What was done about it; null while it is open.
    async fn resolution(&self) -> Option<SalonDeadLetterResolution> {
        self.0.resolved_at?;
        Some(match self.0.discarded_because {
            Some(_) => SalonDeadLetterResolution::Discarded,
            None => SalonDeadLetterResolution::Replayed,
        })
    }

    /// Why it was given up for good.
    async fn discarded_because(&self) -> Option<&str> {
        self.0.discarded_because.as_deref()
    }
}

/// A page of dead letters.
#[derive(Debug)]
pub struct SalonDeadLetterListResponse {
    pub(in crate::graphql) which: DeadLetters,
    pub(in crate::graphql) page: Page<DeadLetter>,
}

/// A page of dead letters.
#[Object]
impl SalonDeadLetterListResponse {
    async fn list(&self) -> Option<Vec<Option<SalonDeadLetter>>> {
        Some(self.page.list.iter().cloned().map(|letter| Some(SalonDeadLetter(letter))).collect())
    }

    /// How many there are on all pages.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<Option<i64>, Problem> {
        Ok(Some(view(ctx)?.sight.count_letters(&self.which).await?))
    }

    async fn page_info(&self) -> Option<SalonPageInfo> {
        Some(self.page.info.clone())
    }
}

/// Which open dead letters: those that fit all that is given, and something must be.
#[derive(Debug, Default, InputObject)]
pub struct SalonDeadLettersFilter {
    /// Of the salon with this `_id`
    pub(in crate::graphql) tenant_id: Option<String>,
    /// Of the queue with this name
    pub(in crate::graphql) queue: Option<String>,
    /// Of the job with this name
    pub(in crate::graphql) kind: Option<String>,
}

/// What was done about dead letters.
#[derive(Debug, SimpleObject)]
pub struct SalonDeadLettersResponse {
    /// For how many of them it was done.
    pub(in crate::graphql) count: Option<i32>,
    /// Which.
    pub(in crate::graphql) ids: Option<Vec<String>>,
    /// Those of the `ids` asked for that are unknown, or resolved already.
    pub(in crate::graphql) unknown_ids: Option<Vec<String>>,
    /// True if more letters fit the filter than one call takes: call again.
    pub(in crate::graphql) has_more: Option<bool>,
}
