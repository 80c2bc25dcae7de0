//! A CRM of a case's own: a stand-in with nobody in it, and an account for it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use salon_sandbox::{
    Options, Sandbox, Scenario,
    fault::{Fault, Target},
};
use serde_json::Value;

use super::{Conformance, Kept, Planted, Staff, conformance};
use crate::{
    crm::{
        ClientCard, Crm, CrmAccount, CrmCall, CrmKind, Ensured, Entity, FieldKind, FieldSettings, FieldSpec, RemoteState,
        UNATTENDED, crm,
    },
    vendor::{Failure, Http, stub::http},
};

/// How long a call waits that is to be given up. Far above what the stand-in needs when it answers.
pub(super) const HURRIED: Duration = Duration::from_millis(800);

pub(super) struct Bench {
    pub(super) kind: CrmKind,
    pub(super) sandbox: Sandbox,
    pub(super) account: CrmAccount,
    pub(super) about: Conformance,
    http: Http,
}

/// The fields of ours that have to be made, as a salon that makes them all would.
pub(super) fn all_fields(kind: CrmKind) -> Vec<Planted> {
    let lists = conformance(kind).lists;
    custom(kind).map(|spec| planted(spec, spec.theirs, lists)).collect()
}

pub(super) fn custom(kind: CrmKind) -> impl Iterator<Item = &'static FieldSpec> {
    crm(kind).fields().iter().filter(|spec| spec.custom)
}

/// A field under this name; a choice as a list, or as text.
pub(super) fn planted(spec: &FieldSpec, name: &str, lists: bool) -> Planted {
    let is_text = spec.kind == FieldKind::Choice && !lists;
    Planted {
        entity: spec.entity,
        name: name.to_owned(),
        kind: if is_text { FieldKind::Text } else { spec.kind },
        options: spec.options.iter().map(|word| (*word).to_owned()).collect(),
    }
}

impl Bench {
    pub(super) async fn open(kind: CrmKind) -> Self {
        Self::with(kind, &all_fields(kind), &FieldSettings::default()).await
    }

    /// A CRM with these fields, under what a tenant file says of them.
    pub(super) async fn with(kind: CrmKind, fields: &[Planted], settings: &FieldSettings) -> Self {
        let about = conformance(kind);
        let scenario = Scenario { seed: [(about.vendor.to_owned(), (about.seed)(fields))].into() };
        let sandbox = Sandbox::start(Options { scenario, ..Options::default() }).await.unwrap();
        let account = (about.account)(format!("{}{}", sandbox.base_url, about.path).parse().unwrap(), settings);
        Self { kind, sandbox, account, about, http: http() }
    }

    pub(super) fn adapter(&self) -> &'static dyn Crm {
        crm(self.kind)
    }

    pub(super) fn call(&self) -> CrmCall<'_> {
        self.call_as(&self.account, UNATTENDED)
    }

    /// A call that gives up soon.
    pub(super) fn hurried(&self) -> CrmCall<'_> {
        self.call_as(&self.account, HURRIED)
    }

    pub(super) fn call_as<'a>(&'a self, account: &'a CrmAccount, patience: Duration) -> CrmCall<'a> {
        CrmCall::new(&self.http, account, patience)
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.sandbox.world.now()
    }

    pub(super) async fn ensure(&self, card: &ClientCard) -> Result<Ensured, Failure> {
        self.adapter().ensure_client(&self.call(), card).await
    }

    /// The record of a client who must be one.
    pub(super) async fn made(&self, card: &ClientCard) -> String {
        match self.ensure(card).await {
            Ok(Ensured::Is(id)) => id,
            other => panic!("{}: {other:?}", self.kind),
        }
    }

    pub(super) async fn read(&self, entity: Entity, record: &str) -> RemoteState {
        let read = self.adapter().read(&self.call(), entity, record).await.unwrap();
        read.unwrap_or_else(|| panic!("{}: the {entity:?} {record} is not there", self.kind))
    }

    pub(super) fn staff(&self, action: Staff<'_>) -> String {
        (self.about.staff)(&self.sandbox, action)
    }

    pub(super) fn snapshot(&self) -> Value {
        (self.about.snapshot)(&self.sandbox)
    }

    pub(super) fn count(&self, kept: Kept) -> usize {
        (self.about.count)(&self.snapshot(), kept)
    }

    pub(super) fn value(&self, entity: Entity, record: &str, field: &str) -> Value {
        (self.about.value)(&self.snapshot(), entity, record, field)
    }

    /// The next request of this operation goes wrong.
    pub(super) fn plan(&self, operation: &str, fault: &Fault) {
        let target = Target { vendor: self.about.vendor.to_owned(), operation: operation.to_owned() };
        self.sandbox.world.faults.plan(target, fault, 1);
    }

    /// How many requests went wrong so far.
    pub(super) fn struck(&self) -> usize {
        self.sandbox.world.ledger.entries().iter().filter(|entry| entry.fault.is_some()).count()
    }

    /// Nothing was asked that the vendor's rules forbid.
    pub(super) fn is_clean(&self) {
        let violations = self.sandbox.world.ledger.violations();
        let told: Vec<_> = violations.iter().map(|entry| (&entry.operation, &entry.violations)).collect();
        assert!(told.is_empty(), "{}: {told:?}", self.kind);
    }
}
