use super::*;
use crate::crm::{CrmKind, FieldKind, FieldSpec, fields};

/// The metadata of one kind of record as our fields make it, and whatever else.
fn metadata(entity: Entity, more: Value) -> Value {
    let mut all = more;
    for spec in FIELDS.iter().filter(|spec| spec.entity == entity) {
        let mut made = super::super::describe::definition(spec).into_value();
        made.as_object_mut().unwrap().remove("name");
        all[spec.theirs] = made;
    }
    all
}

fn source() -> Value {
    json!({"source": {"type": "enum", "options": ["", "Call", "Web Site"]}})
}

fn user(id: &str) -> Step {
    record(json!({"id": id, "isActive": true, "type": "regular"}))
}

fn described(lead: Value, users: [Step; 2]) -> Vec<Step> {
    let [first, second] = users;
    vec![
        record(metadata(Entity::Client, json!({"lastName": {"type": "varchar", "maxLength": 100}, "odd": 7}))),
        record(metadata(Entity::Enquiry, lead)),
        record(metadata(Entity::Booking, json!({"dateStart": {"type": "datetimeOptional"}}))),
        first,
        second,
    ]
}

async fn describe(script: Vec<Step>) -> (fields::Described, Vec<Seen>) {
    let (result, seen) = run(script, async |call: &CrmCall<'_>| EspoCrm.describe(call).await).await;
    (result.unwrap(), seen)
}

#[tokio::test]
async fn what_our_fields_are_made_as_fits_what_is_mapped() {
    let (described, seen) = describe(described(source(), [user("owner"), user("user_maria")])).await;
    let keys = ["entityDefs.Contact.fields", "entityDefs.Lead.fields", "entityDefs.Meeting.fields"];
    for (seen, key) in seen.iter().zip(keys) {
        assert_asked(seen, "GET /crm/api/v1/Metadata", &[("key", key)]);
    }
    assert_asked(&seen[3], "GET /crm/api/v1/User/owner", &[]);
    assert_asked(&seen[4], "GET /crm/api/v1/User/user_maria", &[]);
    let map = FieldMap::new(FIELDS, &FieldSettings::default());
    assert_eq!(fields::check(CrmKind::EspoCrm, &map, &described), []);
    assert!(fields::missing(CrmKind::EspoCrm, &map, &described).is_empty());
    let kind = |entity, name: &str| described.fields[&entity][name].kind;
    assert_eq!(kind(Entity::Client, "odd"), FieldKind::Other);
    assert_eq!(kind(Entity::Client, "cFirstTouchAt"), FieldKind::Moment);
    assert_eq!(kind(Entity::Booking, "dateStart"), FieldKind::Moment);
    let sources = described.fields[&Entity::Enquiry]["source"].options.clone();
    assert_eq!(sources.unwrap(), ["", "Call", "Web Site"]);
}

#[tokio::test]
async fn fields_that_are_not_there_are_missing() {
    let script = vec![record(json!({})), record(json!({})), record(json!({})), user("owner"), user("user_maria")];
    let (described, _) = describe(script).await;
    let map = FieldMap::new(FIELDS, &FieldSettings::default());
    assert_eq!(fields::check(CrmKind::EspoCrm, &map, &described).len(), FIELDS.len());
    assert_eq!(fields::missing(CrmKind::EspoCrm, &map, &described).len(), FIELDS.len());
}

#[tokio::test]
async fn what_espocrm_would_refuse_is_said_beforehand() {
    let lead = json!({"source": {"type": "enum", "options": ["Call"]}});
    let gone = Step::Answer { status: 404, headers: vec![], body: String::new() };
    let inactive = record(json!({"id": "user_maria", "isActive": false, "type": "regular"}));
    let (described_, _) = describe(described(lead, [gone, inactive])).await;
    let expected = [
        "lead_source: \"Web Site\" is not among the sources of a lead",
        "there is no user owner",
        "the user user_maria is not active",
    ];
    assert_eq!(described_.problems, expected);
    let robot = record(json!({"id": "owner", "isActive": true, "type": "api"}));
    let unreadable = Step::json(403, &json!({}));
    let (described_, _) = describe(described(source(), [robot, unreadable])).await;
    assert_eq!(described_.problems, ["the user owner is no person: nobody would see what is assigned to it"]);
}

#[tokio::test]
async fn a_line_that_is_too_short_is_said() {
    let mut script = described(source(), [user("owner"), user("user_maria")]);
    let mut meeting = metadata(Entity::Booking, json!({}));
    meeting["cCancelReason"]["maxLength"] = json!(100);
    script[2] = record(meeting);
    let (described, _) = describe(script).await;
    assert_eq!(described.problems, ["Meeting: the field cCancelReason takes 100 characters; it should take 255"]);
}

#[tokio::test]
async fn a_field_that_is_closed_is_said() {
    let mut script = described(source(), [user("owner"), user("user_maria")]);
    let mut contact = metadata(Entity::Client, json!({}));
    contact["cExternalId"]["readOnly"] = json!(true);
    contact["cNoShowCount"]["disabled"] = json!(true);
    script[0] = record(contact);
    let (described, _) = describe(script).await;
    let closed = |name: &str| format!("Contact: the field {name} is read-only or disabled, for us too");
    assert_eq!(described.problems, [closed("cExternalId"), closed("cNoShowCount")]);
}

fn spec(entity: Entity, fact: Fact) -> &'static FieldSpec {
    FIELDS.iter().find(|spec| (spec.entity, spec.fact) == (entity, fact)).unwrap()
}

async fn make(spec: &FieldSpec, script: Vec<Step>) -> (Result<Vec<String>, Failure>, Vec<Seen>) {
    run(script, async |call: &CrmCall<'_>| EspoCrm.create_fields(call, &[spec]).await).await
}

#[tokio::test]
async fn fields_are_made_without_the_prefix_that_espocrm_adds() {
    let cases = [
        (
            spec(Entity::Client, Fact::ExternalId),
            json!({"name": "externalId", "type": "varchar", "label": "Salon ID", "maxLength": 255}),
        ),
        (
            spec(Entity::Client, Fact::Language),
            json!({"name": "language", "type": "enum", "label": "Language", "options": ["", "ru", "en", "kk", "uz"]}),
        ),
        (spec(Entity::Client, Fact::FirstTouch), json!({"name": "firstTouchAt", "type": "datetime", "label": "First came"})),
        (spec(Entity::Client, Fact::NoShows), json!({"name": "noShowCount", "type": "int", "label": "Visits not come to"})),
    ];
    for (spec, body) in cases {
        let (result, seen) = make(spec, vec![record(json!({"name": spec.theirs, "type": body["type"]}))]).await;
        assert_eq!(result.unwrap(), [spec.theirs]);
        assert_asked(&seen[0], "POST /crm/api/v1/Admin/fieldManager/Contact", &[]);
        assert_eq!(seen[0].body, body);
    }
    let (_, seen) = make(spec(Entity::Booking, Fact::State), vec![record(json!({"name": "cBookingStatus"}))]).await;
    assert_asked(&seen[0], "POST /crm/api/v1/Admin/fieldManager/Meeting", &[]);
}

#[tokio::test]
async fn a_field_that_got_another_name_is_no_field_of_ours() {
    let id = spec(Entity::Client, Fact::ExternalId);
    let (result, _) = make(id, vec![record(json!({"name": "externalId"}))]).await;
    assert_eq!(result, Err(Failure::permanent("field_named_otherwise:cExternalId")));
    // An answer without a name: the metadata tells.
    let there = || record(json!({"cExternalId": {"type": "varchar"}}));
    let elsewhere = || record(json!({"externalId": {"type": "varchar"}}));
    let (result, seen) = make(id, vec![record(json!({"type": "varchar"})), there()]).await;
    assert_eq!(result.unwrap(), ["cExternalId"]);
    assert_asked(&seen[1], "GET /crm/api/v1/Metadata", &[("key", "entityDefs.Contact.fields")]);
    let (result, _) = make(id, vec![record(json!({"type": "varchar"})), elsewhere()]).await;
    assert_eq!(result, Err(Failure::permanent("field_not_made:cExternalId")));
    let (result, _) = make(id, vec![Step::json(409, &json!({"message": "exists"})), there()]).await;
    assert_eq!(result.unwrap(), ["cExternalId"], "an earlier attempt made it");
    let (result, _) = make(id, vec![Step::json(403, &json!({}))]).await;
    assert_eq!(result, Err(Failure::permanent("forbidden")));
}

fn whoami() -> Value {
    let all = json!({"create": "yes", "read": "all", "edit": "all"});
    json!({
        "user": {"id": "me", "userName": "salon", "type": "api"},
        "settings": {"version": "9.3.10", "phoneNumberInternational": true},
        "acl": {
            "assignmentPermission": "all",
            "table": {"Contact": all, "Lead": all, "Meeting": all, "Task": all, "Webhook": true},
        },
    })
}

async fn inspect(whoami: Value, checked: Value) -> crate::crm::Health {
    let ask = async |call: &CrmCall<'_>| EspoCrm.inspect(call).await;
    let (result, seen) = run(vec![record(whoami), record(checked)], ask).await;
    assert_asked(&seen[0], "GET /crm/api/v1/App/user", &[]);
    assert_asked(&seen[1], "GET /crm/api/v1/Metadata", &[("key", "scopes.Contact.duplicateCheckFieldList")]);
    result.unwrap()
}

#[tokio::test]
async fn inspection_says_as_whom_and_which_version() {
    let health = inspect(whoami(), json!(["name", "emailAddress", "phoneNumber"])).await;
    assert_eq!((health.known_as.as_str(), health.version.as_deref()), ("salon (api)", Some("9.3.10")));
    assert!(health.remarks.is_empty(), "{:?}", health.remarks);
}

#[tokio::test]
async fn inspection_says_what_somebody_should_see_to() {
    let mut poor = whoami();
    poor["user"]["type"] = json!("admin");
    poor["settings"]["phoneNumberInternational"] = json!(false);
    poor["acl"]["assignmentPermission"] = json!("no");
    let table = &mut poor["acl"]["table"];
    table["Task"] = json!(false);
    table["Lead"]["edit"] = json!("no");
    table.as_object_mut().unwrap().remove("Webhook");
    let remarks = inspect(poor, Value::Null).await.remarks;
    let expected = [
        "the role does not allow to edit Lead",
        "the role does not allow to create Task",
        "the role does not allow to read Task",
        "the role does not allow to edit Task",
        "the role has no webhooks: changes are found by asking only",
        "the role may not assign records to others: every meeting would be refused",
        "the key is an administrator's: an API user with a role of its own can do less harm",
        "numbers are kept as they are typed in, so a client may not be found by number",
        "EspoCRM does not compare numbers when somebody types in a contact: add phoneNumber to its duplicate check",
    ];
    assert_eq!(remarks, expected);
    let mut silent = whoami();
    silent["acl"] = Value::Null;
    assert!(inspect(silent, json!(["phoneNumber"])).await.remarks.is_empty(), "what is not told is not missing");
}

const ADDRESS: &str = "https://salon.test/hooks/espocrm/abc";

async fn ensure(known: Vec<HookSecret>, script: Vec<Step>) -> (Result<Vec<HookSecret>, Failure>, Vec<Seen>) {
    let address = ADDRESS.parse().unwrap();
    let with_hooks = |stub: &Stub| {
        let mut account = account(stub);
        account.secrets.hooks = known;
        account
    };
    run_as(script, with_hooks, async |call: &CrmCall<'_>| EspoCrm.ensure_webhooks(call, &address).await).await
}

fn made(event: &str) -> Step {
    record(json!({"id": format!("id-{event}"), "event": event, "secretKey": format!("secret-{event}")}))
}

const EVENTS: [&str; 5] = ["Contact.update", "Contact.delete", "Meeting.update", "Meeting.delete", "Lead.update"];

#[tokio::test]
async fn each_event_gets_a_webhook_with_a_secret_of_its_own() {
    let script = std::iter::once(none()).chain(EVENTS.map(made)).collect();
    let (result, seen) = ensure(vec![], script).await;
    let hooks = result.unwrap();
    assert_asked(&seen[0], "GET /crm/api/v1/Webhook", &[("maxSize", "200")]);
    for ((hook, seen), event) in hooks.iter().zip(&seen[1..]).zip(EVENTS) {
        assert_asked(seen, "POST /crm/api/v1/Webhook", &[]);
        assert_eq!(seen.body, json!({"event": event, "url": ADDRESS, "skipOwn": true}));
        let secret = secrecy::ExposeSecret::expose_secret(&hook.secret);
        assert_eq!((&*hook.id, &*hook.event, secret), (&*format!("id-{event}"), event, &*format!("secret-{event}")));
    }
}

fn known(event: &str) -> HookSecret {
    HookSecret { id: format!("id-{event}"), event: event.to_owned(), secret: "kept".into() }
}

#[tokio::test]
async fn webhooks_of_ours_are_kept_and_ones_without_a_secret_are_removed() {
    let there = |event: &str| json!({"id": format!("id-{event}"), "event": event, "url": ADDRESS, "isActive": true});
    let all = listed(EVENTS.iter().map(|event| there(event)).collect());
    let (result, _) = ensure(EVENTS.map(known).into(), vec![all]).await;
    assert_eq!(result.unwrap().len(), 5);
    let mut inactive = there("Lead.update");
    inactive["isActive"] = json!(false);
    let mut elsewhere = there("Meeting.delete");
    elsewhere["url"] = json!("https://old.test/hooks");
    let list = json!([
        there("Contact.update"), there("Contact.delete"), inactive, elsewhere,
        {"id": "orphan", "event": "Meeting.update", "url": ADDRESS, "isActive": true},
        {"id": "somebody else's", "event": "Contact.update", "url": "https://other.test"},
    ]);
    let done = || record(json!(true));
    let missing = Step::Answer { status: 404, headers: vec![], body: String::new() };
    let script = vec![listed(list), done(), done(), missing, made("Meeting.update"), made("Meeting.delete"), made("Lead.update")];
    let (result, seen) = ensure(EVENTS.map(known).into(), script).await;
    let asked: Vec<String> = seen.iter().map(|seen| asked(seen).0).collect();
    let expected = [
        "GET /crm/api/v1/Webhook",
        "DELETE /crm/api/v1/Webhook/id-Lead.update",
        "DELETE /crm/api/v1/Webhook/id-Meeting.delete",
        "DELETE /crm/api/v1/Webhook/orphan",
        "POST /crm/api/v1/Webhook",
        "POST /crm/api/v1/Webhook",
        "POST /crm/api/v1/Webhook",
    ];
    assert_eq!(asked, expected);
    let hooks = result.unwrap();
    let kept = hooks.iter().filter(|hook| secrecy::ExposeSecret::expose_secret(&hook.secret) == "kept");
    assert_eq!(kept.map(|hook| hook.event.as_str()).collect::<Vec<_>>(), ["Contact.update", "Contact.delete"]);
    assert_eq!(hooks.iter().map(|hook| hook.event.as_str()).collect::<Vec<_>>(), EVENTS);
}

#[tokio::test]
async fn a_webhook_whose_answer_is_lost_may_be_made_again() {
    let (result, _) = ensure(vec![], vec![none(), Step::CutOff]).await;
    assert_eq!(result.unwrap_err().class, RETRY);
    let (result, _) = ensure(vec![], vec![none(), record(json!({"id": "h1"}))]).await;
    assert_eq!(result.unwrap_err(), Failure::permanent("no_webhook_secret"));
}

#[test]
fn our_fields_have_the_names_that_the_tenant_file_leaves_out() {
    for spec in FIELDS {
        assert!(spec.custom && spec.theirs.starts_with('c') && spec.theirs.len() <= 50, "{}", spec.theirs);
        assert_eq!(spec.required, spec.fact == Fact::ExternalId);
        assert_eq!(spec.kind == FieldKind::Choice, !spec.options.is_empty());
    }
    let kinds = crate::channel::ChannelKind::ALL;
    assert!(kinds.iter().all(|kind| spec(Entity::Client, Fact::Channel).options.contains(&kind.as_str())));
    assert!(crate::lang::Lang::ALL.iter().all(|lang| spec(Entity::Client, Fact::Language).options.contains(&lang.code())));
}
