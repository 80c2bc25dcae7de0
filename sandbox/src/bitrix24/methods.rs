//! A call and its way to the code that answers it.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{
    access::Caller,
    activities,
    answer::{Outcome, Refusal},
    booking,
    delivery::Event,
    directory, duplicates,
    form::Parameters,
    handlers, items, listing,
    state::{Kind, State},
    timeline, userfields,
};

/// A call that may be answered.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) caller: Caller,
    pub(super) method: &'static str,
    pub(super) parameters: Parameters,
    pub(super) now: DateTime<Utc>,
    /// What the vendor drops in silence.
    pub(super) violations: Vec<String>,
    /// What handlers are to hear.
    pub(super) events: Vec<Event>,
}

impl Call {
    pub(super) fn id(&self) -> i64 {
        self.parameters.number("id").unwrap_or_default()
    }

    /// The kind of record that `entityTypeId` names.
    pub(super) fn kind(&self) -> Result<Kind, Refusal> {
        let id = self.parameters.number("entityTypeId").unwrap_or_default();
        Kind::by_id(id).ok_or_else(|| Refusal::wrong(400, "NOT_FOUND", "SPA not found"))
    }

    pub(super) fn original_names(&self) -> bool {
        self.parameters.flag("useOriginalUfNames")
    }

    /// The page that a list begins with; below zero means that nobody counts.
    pub(super) fn start(&self) -> i64 {
        self.parameters.number("start").unwrap_or_default()
    }

    pub(super) fn happened(&mut self, event: String, id: i64) {
        self.events.push(Event { event, id, user: Some(self.caller.user), twice: false });
    }

    pub(super) fn must_read(&self, state: &State) -> Result<(), Refusal> {
        if state.may_read(self.caller.user) { Ok(()) } else { Err(Refusal::access_denied()) }
    }

    pub(super) fn must_write(&self, state: &State) -> Result<(), Refusal> {
        if state.may_write(self.caller.user) { Ok(()) } else { Err(Refusal::access_denied()) }
    }
}

/// Answers a call whose parameters have been checked.
pub(super) fn answer(state: &mut State, call: &mut Call) -> Outcome {
    match call.method {
        "crm.item.add" => items::add(state, call),
        "crm.item.get" => items::get(state, call),
        "crm.item.update" => items::update(state, call),
        "crm.item.delete" => items::delete(state, call),
        "crm.item.list" => listing::items(state, call),
        "crm.item.fields" => directory::fields(state, call),
        "crm.duplicate.findbycomm" => duplicates::find(state, call),
        "crm.activity.todo.add" => activities::add(state, call),
        method if method.starts_with("crm.activity.todo.") => activities::update_todo(state, call),
        "crm.activity.get" => activities::get(state, call),
        "crm.activity.list" => listing::activities(state, call),
        "crm.activity.update" => activities::update(state, call),
        "crm.activity.delete" => activities::delete(state, call),
        "crm.timeline.comment.add" => timeline::add(state, call),
        "crm.timeline.comment.get" => timeline::get(state, call),
        "crm.timeline.comment.list" => listing::comments(state, call),
        "crm.timeline.comment.delete" => timeline::delete(state, call),
        "crm.timeline.logmessage.add" => timeline::add_log_message(state, call),
        "crm.status.list" => directory::statuses(state, call),
        "crm.settings.mode.get" => directory::mode(state),
        "userfieldconfig.add" => userfields::add_config(state, call),
        "userfieldconfig.list" => userfields::list_config(state, call),
        method if method.ends_with(".userfield.add") => userfields::add(state, call),
        method if method.ends_with(".userfield.list") => userfields::list(state, call),
        "user.current" => directory::current_user(state, call),
        "user.get" => directory::users(state, call),
        "profile" => directory::profile(state, call),
        "app.info" => directory::app(state, call),
        "scope" => Ok(Value::from(call.caller.scopes.clone()).into()),
        "server.time" => Ok(state.stamp(call.now).into()),
        "booking.v1.resource.add" => booking::add_resource(state, call),
        "booking.v1.resource.list" => booking::resources(state, call),
        "booking.v1.booking.add" => booking::add(state, call),
        "booking.v1.booking.update" => booking::update(state, call),
        "booking.v1.booking.get" => booking::get(state, call),
        "booking.v1.booking.delete" => booking::delete(state, call),
        "booking.v1.booking.client.set" => booking::set_clients(state, call),
        "event.bind" => handlers::bind(state, call),
        "event.get" => handlers::list(state, call),
        "event.unbind" => handlers::unbind(state, call),
        _ => Err(Refusal::wrong(404, "ERROR_METHOD_NOT_FOUND", "Method not found!")),
    }
}
