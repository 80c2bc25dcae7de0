//! The salon's services and masters.

use std::collections::BTreeMap;

use sqlx::types::Json;

use super::{ApplyError, Work};
use crate::{
    ids::{ServiceId, StaffId},
    tenant::file::{Service, Staff},
};

impl Work<'_> {
    pub(super) async fn services(&mut self) -> Result<(), ApplyError> {
        let file = self.file;
        for (position, service) in (0_i32..).zip(&file.services) {
            self.service(position, service).await?;
        }
        let keys: Vec<&str> = file.services.iter().map(|service| service.key.as_str()).collect();
        let tenant = self.tx.tenant();
        let gone: Vec<String> = sqlx::query_scalar(
            "update service set active = false where tenant_id = $1 and active and key <> all ($2) returning key",
        )
        .bind(tenant)
        .bind(keys)
        .fetch_all(self.tx.conn())
        .await?;
        self.changes.extend(gone.iter().map(|key| format!("service {key}: no longer offered")));
        Ok(())
    }

    async fn service(&mut self, position: i32, service: &Service) -> Result<(), ApplyError> {
        let titles: BTreeMap<_, _> =
            self.file.languages.iter().filter_map(|lang| service.title.get(*lang).map(|title| (*lang, title))).collect();
        let (id, tenant): (ServiceId, _) = (self.new_id(), self.tx.tenant());
        let rows = sqlx::query(
            "insert into service as s (id, tenant_id, key, titles, minutes, price, position) values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (tenant_id, key) do update set titles = excluded.titles, minutes = excluded.minutes, price = excluded.price,
               position = excluded.position, active = true
             where (s.titles, s.minutes, s.price, s.position, s.active)
               is distinct from (excluded.titles, excluded.minutes, excluded.price, excluded.position, true)",
        )
        .bind(id)
        .bind(tenant)
        .bind(&service.key)
        .bind(Json(titles))
        .bind(i32::from(service.minutes))
        .bind(&service.price)
        .bind(position)
        .execute(self.tx.conn())
        .await?
        .rows_affected();
        self.changed(rows, || format!("service {}", service.key));
        Ok(())
    }

    pub(super) async fn staff(&mut self) -> Result<(), ApplyError> {
        let file = self.file;
        for (position, staff) in (0_i32..).zip(&file.staff) {
            self.master(position, staff).await?;
        }
        let keys: Vec<&str> = file.staff.iter().map(|staff| staff.key.as_str()).collect();
        let tenant = self.tx.tenant();
        let gone: Vec<String> = sqlx::query_scalar(
            "update staff set active = false where tenant_id = $1 and active and key <> all ($2) returning key",
        )
        .bind(tenant)
        .bind(keys)
        .fetch_all(self.tx.conn())
        .await?;
        self.changes.extend(gone.iter().map(|key| format!("staff {key}: no longer works here")));
        self.event_types().await
    }

    async fn master(&mut self, position: i32, staff: &Staff) -> Result<(), ApplyError> {
        let (id, tenant): (StaffId, _) = (self.new_id(), self.tx.tenant());
        let rows = sqlx::query(
            "insert into staff as s (id, tenant_id, key, name, host_id, position) values ($1, $2, $3, $4, $5, $6)
             on conflict (tenant_id, key) do update set name = excluded.name, host_id = excluded.host_id, position = excluded.position,
               active = true
             where (s.name, s.host_id, s.position, s.active) is distinct from (excluded.name, excluded.host_id, excluded.position, true)",
        )
        .bind(id)
        .bind(tenant)
        .bind(&staff.key)
        .bind(&staff.name)
        .bind(staff.host_user_id)
        .bind(position)
        .execute(self.tx.conn())
        .await?
        .rows_affected();
        self.changed(rows, || format!("staff {}", staff.key));
        Ok(())
    }

    /// What is wrong goes before what is right comes: an event type may move from one master to another.
    async fn event_types(&mut self) -> Result<(), ApplyError> {
        let pairs = self.file.staff.iter().flat_map(|staff| staff.services.iter().map(move |done| (staff, done)));
        let (mut staff, mut services, mut event_types) = (Vec::new(), Vec::new(), Vec::new());
        for (master, done) in pairs {
            staff.push(master.key.as_str());
            services.push(done.service.as_str());
            event_types.push(done.event_type_id);
        }
        let tenant = self.tx.tenant();
        let mut rows = 0;
        for statement in [
            "with wanted as (select s.id as staff_id, v.id as service_id, w.event_type_id
               from unnest($2::text[], $3::text[], $4::bigint[]) as w (staff, service, event_type_id)
               join staff s on s.tenant_id = $1 and s.key = w.staff join service v on v.tenant_id = $1 and v.key = w.service)
             delete from staff_service d where d.tenant_id = $1
               and not exists (select from wanted w where (w.staff_id, w.service_id, w.event_type_id) = (d.staff_id, d.service_id, d.event_type_id))",
            "insert into staff_service (tenant_id, staff_id, service_id, event_type_id)
             select $1, s.id, v.id, w.event_type_id
             from unnest($2::text[], $3::text[], $4::bigint[]) as w (staff, service, event_type_id)
             join staff s on s.tenant_id = $1 and s.key = w.staff join service v on v.tenant_id = $1 and v.key = w.service
             on conflict (staff_id, service_id) do nothing",
        ] {
            let query = sqlx::query(statement).bind(tenant).bind(&staff).bind(&services).bind(&event_types);
            rows += query.execute(self.tx.conn()).await?.rows_affected();
        }
        self.changed(rows, || "event types".to_owned());
        Ok(())
    }
}
