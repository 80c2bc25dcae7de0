//! One CRM of a salon, called for a person who waits. Some access tokens live for an hour: one that has run out is renewed on the way,
//! by one process at a time, and stored before it is used.

use std::time::Duration;

use super::Which;
use crate::{
    app::App,
    cli::{CliError, channel},
    crm::{Crm, CrmAccount, CrmCall, CrmKind, EXPIRED, INTERACTIVE, Tokens, UNATTENDED, crm},
    ids::TenantId,
    store::StoreError,
    tenant::{self, CrmConnection, Renewal, Renewer, apply::Prospect},
    vendor::Failure,
};

/// A CRM, and as whom it is called.
pub(in crate::cli) struct Access<'a> {
    app: &'a App,
    pub(in crate::cli) kind: CrmKind,
    pub(in crate::cli) account: CrmAccount,
    /// What is stored of it; none for one that no applied file has named.
    pub(in crate::cli) stored: Option<(TenantId, CrmConnection)>,
    patience: Duration,
}

impl<'a> Access<'a> {
    /// As it is stored.
    pub(in crate::cli) fn stored(app: &'a App, tenant: TenantId, found: CrmConnection) -> Self {
        let (kind, account) = (found.kind, found.account.clone());
        Self { app, kind, account, stored: Some((tenant, found)), patience: INTERACTIVE }
    }

    /// As it would be once its file is applied.
    pub(in crate::cli) fn prospective(app: &'a App, Prospect { kind, account, stored }: Prospect) -> Self {
        Self { app, kind, account, stored, patience: INTERACTIVE }
    }

    /// For what is written there: a call that was given up early may have been carried out.
    #[must_use]
    pub(in crate::cli) fn patient(self) -> Self {
        Self { patience: UNATTENDED, ..self }
    }

    /// The CRM that was asked for, or all in use of the salon.
    pub(super) async fn all(app: &'a App, which: &Which) -> Result<(TenantId, Vec<Self>), CliError> {
        let (slug, tenant) = (&which.slug, channel::of(app, &which.slug).await?);
        let connections = tenant::crm_connections(&mut app.db.tenant(tenant).await?, &app.keyring).await?;
        let mut wanted = Vec::new();
        for (kind, found) in connections {
            if which.kind.is_some_and(|wanted| wanted != kind) {
                continue;
            }
            let found = found?;
            if found.enabled || which.kind.is_some() {
                wanted.push(Self::stored(app, tenant, found));
            }
        }
        match (wanted.is_empty(), which.kind) {
            (false, _) => Ok((tenant, wanted)),
            (true, None) => Err(CliError::Input(format!("{slug} uses no CRM"))),
            (true, Some(kind)) => Err(CliError::Input(format!("{slug} has no {kind}: its tenant file names none"))),
        }
    }

    /// The CRM that was asked for, or the only one in use.
    pub(super) async fn one(app: &'a App, which: &Which) -> Result<(TenantId, Self), CliError> {
        let (tenant, mut all) = Self::all(app, which).await?;
        match (all.pop(), all.is_empty()) {
            (Some(only), true) => Ok((tenant, only)),
            _ => Err(CliError::Input(format!("{} uses several CRMs: say which with --crm", which.slug))),
        }
    }

    pub(in crate::cli) fn adapter(&self) -> &'static dyn Crm {
        crm(self.kind)
    }

    fn call(&self) -> CrmCall<'_> {
        CrmCall::new(&self.app.http, &self.account, self.patience)
    }

    /// Asks the CRM something. The inner error is the CRM's, the outer one ours. No transaction is open meanwhile.
    pub(in crate::cli) async fn ask<T>(
        &mut self,
        question: impl AsyncFn(&dyn Crm, &CrmCall<'_>) -> Result<T, Failure>,
    ) -> Result<Result<T, Failure>, StoreError> {
        match question(self.adapter(), &self.call()).await {
            Err(failure) if failure.code == EXPIRED && self.account.secrets.oauth.is_some() => match self.renew().await? {
                Ok(()) => Ok(question(self.adapter(), &self.call()).await),
                Err(failure) => Ok(Err(failure)),
            },
            answer => Ok(answer),
        }
    }

    /// Renews the stored login, where it is stored: what a file changes about the address has no say in it.
    async fn renew(&mut self) -> Result<Result<(), Failure>, StoreError> {
        let Some((tenant, used)) = &self.stored else { return Ok(Err(Failure::permanent(EXPIRED))) };
        let App { db, http, keyring, .. } = self.app;
        match (Renewer { db, http, keyring, patience: UNATTENDED }).renew(*tenant, used).await? {
            Renewal::Done(now) => {
                self.account.secrets.token.clone_from(&now.account.secrets.token);
                self.stored = Some((*tenant, *now));
                Ok(Ok(()))
            }
            Renewal::Elsewhere => Ok(Err(Failure::retry("being_renewed"))),
            Renewal::Failed(failure) => Ok(Err(failure)),
        }
    }

    /// Goes on with new tokens, which are stored already.
    pub(super) fn take(&mut self, tokens: Tokens) {
        self.account.secrets.token = Some(tokens.access);
        if let Some(oauth) = &mut self.account.secrets.oauth {
            oauth.refresh_token = Some(tokens.refresh);
        }
        if let Some((_, found)) = &mut self.stored {
            found.account.secrets = self.account.secrets.clone();
        }
    }
}
