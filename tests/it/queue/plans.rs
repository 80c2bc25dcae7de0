//! What the queue's statements read when the table is large.

use std::time::Duration;

use salon_core::job::Queue;
use secrecy::ExposeSecret;
use sqlx::{Connection, PgConnection, Row};
use uuid::Uuid;

use super::Site;

/// 200,000 jobs of both salons: a tenth scheduled, 1,000 running, the rest ready; a third in lanes of four.
const LARGE: &str = "
  insert into job (id, tenant_id, queue, kind, payload, subject_id, lane, class, deadline, expires_at, state, run_at, max_attempts, lease_owner,
    lease_until, fence, attempt, enqueued_at)
  select uuid_now($3), case when n % 2 = 0 then $1 else $2 end, case when n % 5 = 0 then 'crm' else 'outbound' end, 'send_message',
    jsonb_build_object('kind', 'send_message', 'message', gen_random_uuid()), gen_random_uuid(),
    case when n % 3 = 0 then md5((n / 12)::text)::uuid end, n % 3, $3 + make_interval(secs => n), $3 + make_interval(days => 1, secs => n),
    case when n % 10 = 0 then 0 when n % 200 = 1 and n % 3 <> 0 then 2 else 1 end, $3 + make_interval(secs => case when n % 10 = 0 then n else 0 end), 20,
    case when n % 200 = 1 and n % 3 <> 0 then $4 end, case when n % 200 = 1 and n % 3 <> 0 then clock_timestamp() + interval '1 hour' end, 1, 1, $3
  from generate_series(1, 200000) n";

/// Statement, the most rows of `job` it may read, and the index it must use.
const STATEMENTS: &[(&str, &str, &str, i64)] = &[
    ("claim 32", "select job_claim('outbound', $1, $2, 32, '15 s')", "job_ready", 600),
    ("next due", "select job_next_due('outbound') where $1 is not null and $2 is not null", "job_scheduled", 5),
    (
        "settle 32",
        "select job_settle($2, a.ids, array_fill(1, array[32]), array_fill('done'::text, array[32]), array_fill($1, array[32]),
        array_fill(null::text, array[32]), array_fill(null::text, array[32]), array_fill(false, array[32])) from (select array_agg(id) ids from running) a",
        "job_pkey",
        200,
    ),
    ("renew 32", "select job_renew($2, array_agg(id), '15 s') from running where $1 is not null", "job_pkey", 200),
    ("reap", "select job_reap(1000, 3) where $1 is not null and $2 is not null", "job_leased", 5),
];

/// Proves that claim, next_due, settle, renew and reap each read some rows by index, and never the table, with 200,000 jobs waiting. The
/// counters are PostgreSQL's own, of this very transaction: they see into functions, where EXPLAIN does not.
#[tokio::test]
async fn no_statement_of_the_queue_reads_the_whole_table() {
    let site = Site::new().await;
    let (owner, now) = (Uuid::now_v7(), site.db.clock().now());
    let pool = site.script.pool();
    sqlx::query(LARGE).bind(site.lotos).bind(site.roza).bind(now).bind(owner).execute(pool).await.unwrap();
    sqlx::query("vacuum analyze job").execute(pool).await.unwrap();
    sqlx::query("create table running as select id from job where state = 2 limit 32").execute(pool).await.unwrap();
    println!("{:<10} {:<14} {:>5} {:>6}", "statement", "index", "scans", "rows");
    for (name, statement, index, most) in STATEMENTS {
        // Of its own: the counters of a connection include what it has not yet reported of earlier transactions.
        let mut connection = PgConnection::connect(site.admin_url.expose_secret()).await.unwrap();
        let mut tx = connection.begin().await.unwrap();
        sqlx::query(*statement).bind(now).bind(owner).fetch_all(&mut *tx).await.unwrap();
        let used = used(&mut tx).await;
        for (index, scans, rows) in &used {
            println!("{name:<10} {index:<14} {scans:>5} {rows:>6}");
        }
        tx.rollback().await.unwrap();
        assert!(used.iter().all(|(name, ..)| name != "job"), "{name} reads the whole table: {used:?}");
        assert!(used.iter().any(|(name, ..)| name == index), "{name} does not use {index}: {used:?}");
        let rows: i64 = used.iter().map(|(.., rows)| rows).sum();
        assert!(rows <= *most, "{name} reads {rows} entries: {used:?}");
    }
    let claimed = site.db.claim(Queue::Outbound, owner, 64, Duration::from_secs(60)).await.unwrap();
    assert_eq!(claimed.len(), 64);
    site.assert_accounted(200_000).await;
}

/// Scans in this transaction: of each index, and under the name `job` of the table itself.
async fn used(tx: &mut PgConnection) -> Vec<(String, i64, i64)> {
    let counters = "select c.relname::text, pg_stat_get_xact_numscans(c.oid), pg_stat_get_xact_tuples_returned(c.oid)
        from pg_class c left join pg_index i on i.indexrelid = c.oid
        where (i.indrelid = 'job'::regclass or c.oid = 'job'::regclass) and pg_stat_get_xact_numscans(c.oid) > 0 order by 1";
    let rows = sqlx::query(counters).fetch_all(tx).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}
