//! A salon's channel accounts are looked after: a vendor may drop a webhook without a word (MAX after 8 hours without a 200), another
//! tool may have taken it, a credential may have been revoked or run out.

use salon_core::tenant::{Connector, Watched, channel_accounts};

use crate::{
    ctx::Ctx,
    queue::{Assignment, JobError},
};

pub(super) async fn run(ctx: &Ctx, assignment: &Assignment) -> Result<(), JobError> {
    let _place = ctx.bulkhead.watch()?;
    let mut tx = ctx.db.tenant(assignment.tenant).await?;
    let accounts = channel_accounts(&mut tx, &ctx.keyring).await?;
    drop(tx);
    let connector = Connector { db: &ctx.db, http: &ctx.http, keyring: &ctx.keyring, public_url: &ctx.public_url };
    for (name, account) in accounts {
        let account = match account {
            Ok(account) if account.status.is_active() => account,
            Ok(_) => continue,
            // One account whose credentials can't be opened must not keep the others from being looked after.
            Err(error) => {
                tracing::error!(%error, account = name, "an account's credentials can't be opened");
                continue;
            }
        };
        let outcome = match connector.watch(assignment.tenant, account.id).await {
            Ok(Watched::Fine) => "fine",
            Ok(Watched::Registered) => "registered",
            Ok(Watched::Broken) => "broken",
            // The next look comes in ten minutes: not worth an attempt of its own.
            Err(error) => {
                tracing::warn!(%error, account = %account.id, "an account could not be looked after");
                "failed"
            }
        };
        metrics::counter!("salon_channel_watches_total", "channel" => account.kind.as_str(), "outcome" => outcome).increment(1);
    }
    Ok(())
}
