//! The form on the salon's site.

use secrecy::ExposeSecret;

use super::{ApplyError, Work};
use crate::tenant::{credentials::random_key, file::Site, store};

impl Work<'_> {
    /// Returns the key of the form. It is made once: another one would silence every page that has it, so that a salon that leaves its
    /// form keeps the row, switched off.
    pub(super) async fn site(&mut self) -> Result<Option<String>, ApplyError> {
        let (tenant, now) = (self.tx.tenant(), self.tx.now());
        let Some(Site { origins, consent }) = &self.file.site else {
            let rows = sqlx::query("update site set active = false, updated_at = $2 where tenant_id = $1 and active")
                .bind(tenant)
                .bind(now)
                .execute(self.tx.conn())
                .await?
                .rows_affected();
            self.changed(rows, || "site".to_owned());
            return Ok(None);
        };
        let rows = sqlx::query(
            "insert into site as s (tenant_id, form_key, origins, consent, active, created_at, updated_at) values ($1, $2, $3, $4, true, $5, $5)
             on conflict (tenant_id) do update set origins = excluded.origins, consent = excluded.consent, active = true,
               updated_at = excluded.updated_at
             where (s.origins, s.consent, s.active) is distinct from (excluded.origins, excluded.consent, true)",
        )
        .bind(tenant)
        .bind(random_key(self.db.ids()).expose_secret())
        .bind(origins)
        .bind(consent)
        .bind(now)
        .execute(self.tx.conn())
        .await?
        .rows_affected();
        self.changed(rows, || "site".to_owned());
        Ok(store::load_site(&mut self.tx).await?.map(|site| site.form_key))
    }
}
