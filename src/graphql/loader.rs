//! Batches: what many fields of one request ask for is asked for once. One transaction over the visible tenants serves a batch,
//! whatever its size.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

use async_graphql::dataloader::Loader;

use super::{
    access::Sight,
    read::{self, BookingRow, ChannelAccountRow, ClientRow, MessageRow, TenantRow},
};
use crate::{
    error::Problem,
    ids::{ChannelAccountId, ClientId, TenantId},
};

/// The loaders of one request.
pub(super) struct Batches(pub(super) Sight);

/// The accounts of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct AccountsOf(pub(super) TenantId);

/// One account of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct AccountKey(pub(super) TenantId, pub(super) ChannelAccountId);

/// One client of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ClientKey(pub(super) TenantId, pub(super) ClientId);

/// The tenant of a brand of erxes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct BrandKey(pub(super) String);

/// The last so many bookings of a customer of erxes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct BookingsOf(pub(super) String, pub(super) i64);

/// The last so many messages of a customer of erxes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct MessagesOf(pub(super) String, pub(super) i64);

impl Loader<TenantId> for Batches {
    type Value = TenantRow;
    type Error = Problem;

    async fn load(&self, keys: &[TenantId]) -> Result<HashMap<TenantId, TenantRow>, Problem> {
        let Some(mut tx) = self.0.over(keys.iter().copied()).await? else { return Ok(HashMap::new()) };
        Ok(read::tenants(&mut tx).await?.into_iter().map(|row| (row.id, row)).collect())
    }
}

impl Loader<BrandKey> for Batches {
    type Value = TenantRow;
    type Error = Problem;

    async fn load(&self, keys: &[BrandKey]) -> Result<HashMap<BrandKey, TenantRow>, Problem> {
        let brands: Vec<String> = keys.iter().map(|key| key.0.clone()).collect();
        let mut of_brand = self.0.tenants_of_brands(&brands).await?;
        let Some(mut tx) = self.0.over(of_brand.keys().copied()).await? else { return Ok(HashMap::new()) };
        let rows = read::tenants(&mut tx).await?;
        Ok(rows.into_iter().filter_map(|row| Some((BrandKey(of_brand.remove(&row.id)?), row))).collect())
    }
}

impl Loader<AccountsOf> for Batches {
    type Value = Vec<ChannelAccountRow>;
    type Error = Problem;

    async fn load(&self, keys: &[AccountsOf]) -> Result<HashMap<AccountsOf, Vec<ChannelAccountRow>>, Problem> {
        let Some(mut tx) = self.0.over(keys.iter().map(|key| key.0)).await? else { return Ok(HashMap::new()) };
        Ok(grouped(read::channel_accounts(&mut tx).await?, |row| Some(AccountsOf(row.tenant_id))))
    }
}

impl Loader<AccountKey> for Batches {
    type Value = ChannelAccountRow;
    type Error = Problem;

    async fn load(&self, keys: &[AccountKey]) -> Result<HashMap<AccountKey, ChannelAccountRow>, Problem> {
        let Some(mut tx) = self.0.over(keys.iter().map(|key| key.0)).await? else { return Ok(HashMap::new()) };
        let rows = read::channel_accounts(&mut tx).await?;
        Ok(rows.into_iter().map(|row| (AccountKey(row.tenant_id, row.id), row)).collect())
    }
}

impl Loader<ClientKey> for Batches {
    type Value = ClientRow;
    type Error = Problem;

    async fn load(&self, keys: &[ClientKey]) -> Result<HashMap<ClientKey, ClientRow>, Problem> {
        let Some(mut tx) = self.0.over(keys.iter().map(|key| key.0)).await? else { return Ok(HashMap::new()) };
        let ids: Vec<ClientId> = keys.iter().map(|key| key.1).collect();
        let rows = read::clients(&mut tx, &ids).await?;
        Ok(rows.into_iter().map(|row| (ClientKey(row.tenant_id, row.id), row)).collect())
    }
}

impl Loader<BookingsOf> for Batches {
    type Value = Vec<BookingRow>;
    type Error = Problem;

    async fn load(&self, keys: &[BookingsOf]) -> Result<HashMap<BookingsOf, Vec<BookingRow>>, Problem> {
        let mut found = HashMap::new();
        for (limit, customers) in by_limit(keys.iter().map(|key| (key.1, &key.0))) {
            let tenants = self.0.tenants_of_customers(&customers).await?;
            let Some(mut tx) = self.0.over(tenants).await? else { continue };
            let rows = read::bookings_of_customers(&mut tx, &customers, limit).await?;
            found.extend(grouped(rows, |row| Some(BookingsOf(row.customer_id.clone()?, limit))));
        }
        Ok(found)
    }
}

impl Loader<MessagesOf> for Batches {
    type Value = Vec<MessageRow>;
    type Error = Problem;

    async fn load(&self, keys: &[MessagesOf]) -> Result<HashMap<MessagesOf, Vec<MessageRow>>, Problem> {
        let mut found = HashMap::new();
        for (limit, customers) in by_limit(keys.iter().map(|key| (key.1, &key.0))) {
            let tenants = self.0.tenants_of_customers(&customers).await?;
            let Some(mut tx) = self.0.over(tenants).await? else { continue };
            let rows = read::messages_of_customers(&mut tx, &customers, limit).await?;
            found.extend(grouped(rows, |row| Some(MessagesOf(row.customer_id.clone()?, limit))));
        }
        Ok(found)
    }
}

/// Aliases of one field may ask with different limits; each limit is a statement of its own, and the cost of a field bounds them.
fn by_limit<'a>(keys: impl Iterator<Item = (i64, &'a String)>) -> BTreeMap<i64, Vec<String>> {
    let mut groups: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for (limit, customer) in keys {
        groups.entry(limit).or_default().push(customer.clone());
    }
    groups
}

/// Rows under their keys, in the order they came.
fn grouped<K: Eq + Hash, R>(rows: Vec<R>, key: impl Fn(&R) -> Option<K>) -> HashMap<K, Vec<R>> {
    let mut groups: HashMap<K, Vec<R>> = HashMap::new();
    for row in rows {
        if let Some(key) = key(&row) {
            groups.entry(key).or_default().push(row);
        }
    }
    groups
}
