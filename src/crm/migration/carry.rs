//! Intents on their way from one CRM to the other, and back. What is made at the new one says what and about which row, as always: the
//! rest is read from our own rows when it is told, under the new connection's own account and fields.
#![allow(clippy::disallowed_methods, reason = "stores are where SQL lives")]

use chrono::{DateTime, Utc};
use sqlx::FromRow;
use uuid::Uuid;

use super::store::{Migration, Stage};
use crate::{
    crm::{
        CrmKind, Transcript, Wish, crm,
        intent::{client_lane, day_of, talk_lane},
    },
    ids::{ClientId, ConnectionId, ConversationId, IntentId, JobId, MigrationId},
    job::{Job, NewJob, WorkClass},
    store::{StoreError, Tx},
};

/// Something that one CRM was yet to be told.
#[derive(Debug, FromRow)]
struct Work {
    id: IntentId,
    kind: String,
    subject_id: Uuid,
    subject_version: i64,
    /// None: nobody's, or its row is gone.
    client_id: Option<ClientId>,
}

impl Work {
    fn wish(&self) -> Result<Wish, StoreError> {
        Wish::named(&self.kind).ok_or(StoreError::Corrupt("crm_intent.kind"))
    }
}

/// Whose a subject is decides the lane.
const CLIENT: &str = "case i.kind when 'ensure_client' then i.subject_id
     when 'record_message' then (select m.client_id from message m where m.id = i.subject_id)
     when 'record_enquiry' then (select e.client_id from enquiry e where e.id = i.subject_id)
     when 'record_touch' then (select t.client_id from touch t where t.id = i.subject_id)
     when 'append_transcript' then (select v.client_id from conversation v where v.id = i.subject_id)
     else (select b.client_id from booking b where b.id = i.subject_id) end";

/// The CRM that is told instead.
struct Target {
    id: ConnectionId,
    transcripts: bool,
    transcript: Transcript,
}

impl Target {
    async fn read(tx: &mut Tx, id: ConnectionId) -> Result<Self, StoreError> {
        let (kind, transcripts): (String, bool) =
            sqlx::query_as("select kind, coalesce((settings ->> 'transcripts')::boolean, true) from connection where id = $1")
                .bind(id)
                .fetch_one(tx.conn())
                .await?;
        let kind: CrmKind = kind.parse().map_err(|_| StoreError::Corrupt("connection.kind"))?;
        Ok(Self { id, transcripts, transcript: crm(kind).capabilities().transcript })
    }

    /// The same wish in the way this CRM is told such things.
    async fn wishes(&self, tx: &mut Tx, work: &Work) -> Result<Vec<(Wish, Uuid, i64)>, StoreError> {
        let (subject, version) = (work.subject_id, work.subject_version);
        Ok(match (work.wish()?, self.transcript) {
            (Wish::RecordMessage | Wish::AppendTranscript, _) if !self.transcripts => Vec::new(),
            (Wish::RecordMessage, Transcript::Daily) => {
                let day = tx.day_of_message(subject).await?;
                day.map(|(conversation, day)| (Wish::AppendTranscript, conversation.0, day)).into_iter().collect()
            }
            (Wish::AppendTranscript, Transcript::Messages) => {
                let Some(day) = day_of(version) else { return Ok(Vec::new()) };
                let said = tx.said_on(ConversationId(subject), day).await?;
                said.into_iter().map(|said| (Wish::RecordMessage, said.id, 1)).collect()
            }
            (wish, _) => vec![(wish, subject, version)],
        })
    }
}

/// Moves up to `most` of what the old CRM was yet to be told, if it was to be told before `before`: what came later, both are told.
/// Returns how much, and how much of it the new one did not know of.
pub(super) async fn work(
    tx: &mut Tx,
    of: &Migration,
    before: Option<DateTime<Utc>>,
    most: i64,
) -> Result<(i64, i64), StoreError> {
    let target = Target::read(tx, of.to_id).await?;
    let found = take(tx, of, before, most).await?;
    close_letters(tx, found.iter().map(|work| work.id), &format!("moved to {}", of.to_kind)).await?;
    let mut made = 0;
    for work in &found {
        let Some(client) = work.client_id else { continue };
        for (wish, subject, version) in target.wishes(tx, work).await? {
            made += i64::from(make(tx, of.id, target.id, (wish, subject, version), client).await?);
        }
    }
    Ok((i64::try_from(found.len()).unwrap_or(i64::MAX), made))
}

/// The oldest first, and marked as moved. When it was last tried is kept: whoever gets it back looks for what that try may have done.
async fn take(tx: &mut Tx, of: &Migration, before: Option<DateTime<Utc>>, most: i64) -> Result<Vec<Work>, StoreError> {
    let (tenant, now) = (tx.tenant(), tx.now());
    // A day's talk that goes on is left to both: closed here, what is said later that day would not be told there any more.
    let sql = format!(
        "with taken as (
           select i.id from crm_intent i join tenant t on t.id = i.tenant_id
           where i.tenant_id = $1 and i.connection_id = $2 and i.state in ('pending', 'sending', 'parked')
             and ($3::timestamptz is null or (i.created_at < $3
               and (i.kind <> 'append_transcript' or i.subject_version < ($6 at time zone t.zone)::date - date '1970-01-01')))
           order by i.id limit $4 for update of i),
         moved as (
           update crm_intent i set moved_from = i.state, state = 'moved', migration_id = $5 from taken where i.id = taken.id returning i.*)
         select i.id, i.kind, i.subject_id, i.subject_version, {CLIENT} as client_id from moved i order by i.id"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(tenant)
        .bind(of.from_id)
        .bind(before)
        .bind(most)
        .bind(of.id)
        .bind(now)
        .fetch_all(tx.conn())
        .await?)
}

/// Has the new CRM told of the next rows of a stage, as they are when it is told. Returns how many, and the last one.
pub(super) async fn copies(tx: &mut Tx, of: &Migration, most: i64) -> Result<(i64, Option<Uuid>), StoreError> {
    let wish = match of.stage {
        Stage::Visits => Wish::RecordBooking,
        Stage::Enquiries => Wish::RecordEnquiry,
        Stage::Work | Stage::Clients | Stage::End => Wish::EnsureClient,
    };
    let rows = rows(tx, of, most).await?;
    // No version of the subject: below zero, and another one in each round.
    let version = -tx.now().timestamp_micros();
    for (subject, client) in &rows {
        make(tx, of.id, of.to_id, (wish, *subject, version), *client).await?;
    }
    Ok((i64::try_from(rows.len()).unwrap_or(i64::MAX), rows.last().map(|(subject, _)| *subject)))
}

async fn rows(tx: &mut Tx, of: &Migration, most: i64) -> Result<Vec<(Uuid, ClientId)>, StoreError> {
    let (tenant, now) = (tx.tenant(), tx.now());
    let sql = match of.stage {
        Stage::Visits => {
            "select b.id, b.client_id from booking b where b.tenant_id = $1 and b.client_id is not null
               and b.status in ('booked', 'cancelling') and b.start_at > $4 and b.id > $3 and $2 is not null order by b.id limit $5"
        }
        Stage::Enquiries => {
            "select e.id, e.client_id from crm_link l join enquiry e on e.id = l.our_id
             where l.tenant_id = $1 and l.connection_id = $2 and l.entity = 'enquiry' and l.gone_at is null and e.created_at > $4
               and l.our_id > $3 order by l.our_id limit $5"
        }
        Stage::Work | Stage::Clients | Stage::End => {
            "select l.our_id, l.our_id from crm_link l where l.tenant_id = $1 and l.connection_id = $2 and l.entity = 'client'
               and l.gone_at is null and l.our_id > $3 and $4 is not null order by l.our_id limit $5"
        }
    };
    let since = if of.stage == Stage::Enquiries { now - super::forecast::RECENT } else { now };
    Ok(sqlx::query_as(sql)
        .bind(tenant)
        .bind(of.from_id)
        .bind(of.after.unwrap_or(Uuid::nil()))
        .bind(since)
        .bind(most)
        .fetch_all(tx.conn())
        .await?)
}

/// Makes an intent, unless the same is told already. One that an earlier change had withdrawn is taken up again.
async fn make(
    tx: &mut Tx,
    migration: MigrationId,
    at: ConnectionId,
    (wish, subject, version): (Wish, Uuid, i64),
    client: ClientId,
) -> Result<bool, StoreError> {
    let (tenant, now, id) = (tx.tenant(), tx.now(), tx.new_id::<IntentId>());
    let made: Option<IntentId> = sqlx::query_scalar(
        "insert into crm_intent as i (id, tenant_id, connection_id, kind, subject_id, subject_version, state, migration_id, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, 'pending', $7, $8, $8)
         on conflict (connection_id, kind, subject_id, subject_version) do update
           set state = case when i.moved_from = 'sending' then 'sending' else 'pending' end, moved_from = null, candidates = '{}',
             migration_id = excluded.migration_id, created_at = excluded.created_at
           where i.state = 'moved'
         returning id",
    )
    .bind(id)
    .bind(tenant)
    .bind(at)
    .bind(wish.as_str())
    .bind(subject)
    .bind(version)
    .bind(migration)
    .bind(now)
    .fetch_optional(tx.conn())
    .await?;
    let Some(id) = made else { return Ok(false) };
    enqueue(tx, id, at, (wish, subject, version), client).await?;
    Ok(true)
}

/// Behind everything that somebody waits for, and in the lane in which the connection's own work about the same client is.
async fn enqueue(
    tx: &mut Tx,
    id: IntentId,
    at: ConnectionId,
    (wish, subject, version): (Wish, Uuid, i64),
    client: ClientId,
) -> Result<(), StoreError> {
    let job = NewJob::new(Job::SyncCrm { intent: id }).class(WorkClass::Background);
    let job = match day_of(version).filter(|_| wish == Wish::AppendTranscript) {
        Some(day) => job.in_lane(talk_lane(at, ConversationId(subject))).run_at(tx.after_day(day).await?),
        None => job.in_lane(client_lane(at, client)),
    };
    tx.enqueue(job).await?;
    Ok(())
}

/// Ends what of the copy is not told yet. Returns how much.
pub(super) async fn withdraw(tx: &mut Tx, of: &Migration) -> Result<i64, StoreError> {
    sqlx::query(
        "update crm_intent set moved_from = state, state = 'moved'
         where migration_id = $1 and connection_id = $2 and state in ('pending', 'sending', 'parked')",
    )
    .bind(of.id)
    .bind(of.to_id)
    .execute(tx.conn())
    .await?;
    let copies: Vec<(IntentId, String)> =
        sqlx::query_as("select id, state from crm_intent where migration_id = $1 and connection_id = $2 and state <> 'done'")
            .bind(of.id)
            .bind(of.to_id)
            .fetch_all(tx.conn())
            .await?;
    close_letters(tx, copies.iter().map(|(id, _)| *id), "the change of the CRM was reversed").await?;
    let withdrawn = copies.iter().filter(|(_, state)| state == "moved").count();
    Ok(i64::try_from(withdrawn).unwrap_or(i64::MAX))
}

/// Makes what was moved the old CRM's again, as it was. Returns how much.
pub(super) async fn give_back(tx: &mut Tx, of: &Migration) -> Result<i64, StoreError> {
    let sql = format!(
        "with back as (
           update crm_intent i set state = i.moved_from, moved_from = null, migration_id = null
           where i.migration_id = $1 and i.connection_id = $2 and i.state = 'moved' returning i.*)
         select i.id, i.kind, i.subject_id, i.subject_version, {CLIENT} as client_id, i.state from back i order by i.id"
    );
    let back: Vec<GivenBack> = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(of.id).bind(of.from_id).fetch_all(tx.conn()).await?;
    for GivenBack { work, state } in &back {
        // Its old job may be on its way out, having seen that it was moved: it gets a new one, whatever the queue holds. If both run, they
        // do so one after the other, and the second finds nothing to do.
        if state != "parked" {
            let client = work.client_id.unwrap_or(ClientId(work.subject_id));
            enqueue(tx, work.id, of.from_id, (work.wish()?, work.subject_id, work.subject_version), client).await?;
        }
    }
    Ok(i64::try_from(back.len()).unwrap_or(i64::MAX))
}

#[derive(Debug, FromRow)]
struct GivenBack {
    #[sqlx(flatten)]
    work: Work,
    state: String,
}

/// What was given up about these intents needs nobody any more.
async fn close_letters(tx: &mut Tx, of: impl Iterator<Item = IntentId>, reason: &str) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = of.map(|id| id.0).collect();
    let letters: Vec<JobId> =
        sqlx::query_scalar("select id from job_dead where tenant_id = $1 and subject_id = any ($2) and resolved_at is null")
            .bind(tenant)
            .bind(ids)
            .fetch_all(tx.conn())
            .await?;
    for letter in letters {
        tx.resolve_dead(letter, reason).await?;
    }
    Ok(())
}
