//! What a caller may see. The owner of the erxes organisation sees every tenant; anybody else who holds the permission sees the
//! tenants of their own brands, and with no brand none. A tenant out of sight does not exist: NOT_FOUND, never FORBIDDEN.
//!
//! Message texts and clients' names are part of what `salonTenantsRead` shows, because answering clients is the viewer's work.
//! Clients' phone numbers, and contact cards in the log, are masked for those who can't manage the salon; a number that a client typed
//! into a sentence is text like any other. Credentials have no field at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_graphql::{Context, dataloader::DataLoader};
use tokio::sync::OnceCell;
use tracing::Instrument;

use super::{identity::Principal, loader::Batches, page::parse_uuid, read};
use crate::{
    error::{Code, Problem},
    ids::TenantId,
    ops::unit,
    store::{Db, DeadLetter, DeadLetters, Tx},
};

/// How many entities one request may ask us to extend: ten full pages of the gateway's.
const MAX_ENTITIES: usize = 1_000;

/// What a request brings along: the caller's view, or the reason why there is none.
#[derive(Debug)]
pub struct Session {
    view: Result<View, Code>,
    entities: AtomicUsize,
}

impl Session {
    /// Decides what the caller may do; asks the database nothing.
    pub fn begin(db: Db, caller: Option<Principal>) -> Self {
        let view = match caller {
            None => Err(Code::Unauthenticated),
            Some(principal) if !principal.may_read() => Err(Code::Forbidden),
            Some(principal) => Ok(View::new(db, &principal)),
        };
        Self { view, entities: AtomicUsize::new(0) }
    }

    /// Counts one more entity of this request.
    pub(super) fn count_entity(ctx: &Context<'_>) -> Result<(), Problem> {
        let counted = session(ctx)?.entities.fetch_add(1, Ordering::Relaxed);
        if counted < MAX_ENTITIES {
            return Ok(());
        }
        Err(Problem::new(Code::QueryTooComplex, format!("representations: must be at most {MAX_ENTITIES}")))
    }
}

fn session<'a>(ctx: &Context<'a>) -> Result<&'a Session, Problem> {
    ctx.data_opt::<Session>().ok_or_else(|| {
        tracing::error!("a request without a session");
        Code::Internal.into()
    })
}

/// The way to data, for a caller who holds the permission. Lives as long as one request, and so do its caches: what one principal
/// loaded is never another's.
pub struct View {
    pub(super) sight: Sight,
    pub(super) batches: DataLoader<Batches>,
    pub(super) phones: bool,
    /// Who is named in the audit log for what they change; none for those who only look.
    actor: Option<String>,
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("sight", &self.sight).finish_non_exhaustive()
    }
}

impl View {
    fn new(db: Db, principal: &Principal) -> Self {
        let brands = (!principal.is_owner()).then(|| principal.brand_ids.clone().unwrap_or_default());
        let sight = Sight(Arc::new(Inner { db, brands, visible: OnceCell::new() }));
        // A batch runs in a task of its own: it takes the request's unit and span along.
        let batches = DataLoader::new(Batches(sight.clone()), |work| tokio::spawn(unit::carry(work).in_current_span()));
        let actor = principal.may_manage().then(|| format!("erxes/{}", principal.id));
        Self { sight, batches, phones: principal.may_manage(), actor }
    }
}

/// The caller's view.
///
/// # Errors
/// UNAUTHENTICATED for nobody, FORBIDDEN for a user without the permission.
pub(super) fn view<'a>(ctx: &Context<'a>) -> Result<&'a View, Problem> {
    session(ctx)?.view.as_ref().map_err(|code| (*code).into())
}

/// A caller who may change what they see.
pub(super) struct Manager<'a> {
    pub(super) view: &'a View,
    /// Their name in the audit log.
    pub(super) actor: &'a str,
}

impl Manager<'_> {
    pub(super) fn db(&self) -> &Db {
        &self.view.sight.0.db
    }
}

/// The caller, if they manage salons.
///
/// # Errors
/// UNAUTHENTICATED for nobody, FORBIDDEN for a user without the permission.
pub(super) fn manager<'a>(ctx: &Context<'a>) -> Result<Manager<'a>, Problem> {
    let view = view(ctx)?;
    let actor = view.actor.as_deref().ok_or(Code::Forbidden)?;
    Ok(Manager { view, actor })
}

/// Which tenants a principal sees.
#[derive(Debug, Clone)]
pub(super) struct Sight(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    /// None: every tenant.
    brands: Option<Vec<String>>,
    visible: OnceCell<BTreeSet<TenantId>>,
}

impl Sight {
    /// The tenants to choose from; none when there is no limit. Asks the database once for a request.
    async fn visible(&self) -> Result<Option<&BTreeSet<TenantId>>, Problem> {
        let Some(brands) = &self.0.brands else { return Ok(None) };
        let load = async || {
            let found = read::tenants_of_brands(&self.0.db, brands).await?;
            Ok::<_, Problem>(found.into_iter().map(|(tenant, _)| tenant).collect())
        };
        self.0.visible.get_or_try_init(load).await.map(Some)
    }

    /// Those of the tenants that the principal sees, each once.
    async fn keep(&self, tenants: impl IntoIterator<Item = TenantId>) -> Result<Vec<TenantId>, Problem> {
        let wanted: BTreeSet<TenantId> = tenants.into_iter().collect();
        Ok(match self.visible().await? {
            None => wanted.into_iter().collect(),
            Some(visible) => wanted.intersection(visible).copied().collect(),
        })
    }

    /// A transaction over those of the tenants that the principal sees; none if that leaves no tenant.
    pub(super) async fn over(&self, tenants: impl IntoIterator<Item = TenantId>) -> Result<Option<Tx>, Problem> {
        match self.keep(tenants).await?.as_slice() {
            [] => Ok(None),
            kept => Ok(Some(self.0.db.tenants(kept).await?)),
        }
    }

    /// A transaction over the tenant of this id, which the caller wrote.
    pub(super) async fn tenant(&self, id: &str) -> Result<(TenantId, Tx), Problem> {
        let tenant = TenantId(parse_uuid("tenantId", id).map_err(|_| Code::NotFound)?);
        let mut tx = self.over([tenant]).await?.ok_or(Code::NotFound)?;
        if !read::tenant_exists(&mut tx, tenant).await? {
            return Err(Code::NotFound.into());
        }
        Ok((tenant, tx))
    }

    /// The tenants whose dead letters are meant: the one of this id, which the caller wrote, or all that the principal sees. None when there
    /// is no limit.
    pub(super) async fn letters_of(&self, id: Option<&str>) -> Result<Option<Vec<TenantId>>, Problem> {
        match id {
            Some(id) => Ok(Some(vec![self.tenant(id).await?.0])),
            None => Ok(self.visible().await?.map(|visible| visible.iter().copied().collect())),
        }
    }

    /// Up to `limit` of these dead letters; `which` holds the tenants of [`Self::letters_of`].
    pub(super) async fn letters(&self, which: &DeadLetters, limit: usize) -> Result<Vec<DeadLetter>, Problem> {
        Ok(self.0.db.find_dead_letters(which, i32::try_from(limit).unwrap_or(i32::MAX)).await?)
    }

    /// How many there are of them.
    pub(super) async fn count_letters(&self, which: &DeadLetters) -> Result<i64, Problem> {
        Ok(self.0.db.count_dead_letters(which).await?)
    }

    /// Up to `limit` of the visible tenants, in the order of their ids.
    pub(super) async fn tenants_after(&self, after: Option<TenantId>, limit: i64) -> Result<Vec<TenantId>, Problem> {
        Ok(match self.visible().await? {
            None => read::tenant_ids(&self.0.db, after, limit).await?,
            Some(visible) => {
                let limit = usize::try_from(limit).unwrap_or_default();
                visible.iter().filter(|id| after.is_none_or(|after| **id > after)).take(limit).copied().collect()
            }
        })
    }

    /// How many tenants the principal sees.
    pub(super) async fn count(&self) -> Result<i64, Problem> {
        Ok(match self.visible().await? {
            None => read::count_tenants(&self.0.db).await?,
            Some(visible) => i64::try_from(visible.len()).unwrap_or(i64::MAX),
        })
    }

    /// The tenant of each of these brands, whether visible or not: ids only.
    pub(super) async fn tenants_of_brands(&self, brands: &[String]) -> Result<BTreeMap<TenantId, String>, Problem> {
        Ok(read::tenants_of_brands(&self.0.db, brands).await?.into_iter().collect())
    }

    /// The tenants that know these customers of erxes, whether visible or not: ids only.
    pub(super) async fn tenants_of_customers(&self, customers: &[String]) -> Result<Vec<TenantId>, Problem> {
        Ok(read::tenants_of_customers(&self.0.db, customers).await?)
    }
}
