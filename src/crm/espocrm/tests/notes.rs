use super::*;
use crate::crm::{Author, GONE, NoteCard, Noted};

fn note() -> NoteCard {
    NoteCard {
        client: "c1".to_owned(),
        conversation: None,
        author: Author::Client,
        text: "tomorrow at *15*\n> really".to_owned(),
        at: at(0),
        in_talk: true,
    }
}

const POST: &str = "tomorrow at \\*15\\*\n\\> really";

fn noted(id: &str) -> Noted {
    Noted { conversation: None, note: id.to_owned() }
}

#[tokio::test]
async fn a_note_is_a_post_on_the_contact() {
    let (result, seen) =
        run(vec![record(json!({"id": "n1"}))], async |call: &CrmCall<'_>| EspoCrm.append_note(call, &note()).await).await;
    assert_eq!(result.unwrap(), noted("n1"));
    assert_asked(&seen[0], "POST /crm/api/v1/Note", &[]);
    assert_eq!(seen[0].body, json!({"type": "Post", "parentType": "Contact", "parentId": "c1", "post": POST}));
}

#[tokio::test]
async fn a_note_that_may_be_there_is_unknown() {
    let faults = [
        Step::Close,
        Step::CutOff,
        Step::json(500, &json!({})),
        Step::Answer { status: 502, headers: vec![], body: "<html>bad gateway</html>".to_owned() },
        Step::Answer { status: 200, headers: vec![], body: "<html>log in</html>".to_owned() },
        Step::Answer { status: 200, headers: vec![], body: "{\"id\":\"n".to_owned() },
        record(json!({"messageTranslation": {"label": "error"}})),
        record(json!(false)),
    ];
    for fault in faults {
        let (result, _) = run(vec![fault], async |call: &CrmCall<'_>| EspoCrm.append_note(call, &note()).await).await;
        assert_eq!(result.unwrap_err().class, Class::Unknown);
    }
}

#[tokio::test]
async fn a_note_for_a_contact_that_is_gone_is_refused() {
    let (result, _) =
        run(vec![Step::json(403, &json!({}))], async |call: &CrmCall<'_>| EspoCrm.append_note(call, &note()).await).await;
    assert_eq!(result, Err(Failure::permanent("forbidden")));
    let gone = Step::Answer { status: 404, headers: vec![], body: String::new() };
    let find = async |call: &CrmCall<'_>| EspoCrm.find_note(call, &note(), at(0), &[]).await;
    let (result, _) = run(vec![record(json!({"user": {"id": "me"}})), gone], find).await;
    assert_eq!(result, Err(Failure::permanent(GONE)));
}

fn entry(id: &str, seconds: i64) -> Value {
    let created = at(seconds).format("%Y-%m-%d %H:%M:%S").to_string();
    json!({"id": id, "type": "Post", "post": POST, "parentId": "c1", "createdById": "me", "createdAt": created})
}

fn with(mut entry: Value, name: &str, value: Value) -> Value {
    entry[name] = value;
    entry
}

async fn found(entries: Value, taken: &[&str]) -> Option<String> {
    let taken: Vec<String> = taken.iter().map(|id| (*id).to_owned()).collect();
    let ask = async |call: &CrmCall<'_>| EspoCrm.find_note(call, &note(), at(0), &taken).await;
    let (result, seen) = run(vec![record(json!({"user": {"id": "me"}})), listed(entries)], ask).await;
    assert_asked(&seen[0], "GET /crm/api/v1/App/user", &[]);
    assert_asked(&seen[1], "GET /crm/api/v1/Contact/c1/stream", &[("offset", "0"), ("maxSize", "100")]);
    result.unwrap().map(|noted| noted.note)
}

#[tokio::test]
async fn a_look_up_takes_the_earliest_entry_that_can_be_this_one() {
    assert_eq!(found(json!([entry("b", 5), entry("a", 1)]), &[]).await.as_deref(), Some("a"));
    assert_eq!(found(json!([entry("b", 5), entry("a", 1)]), &["a"]).await.as_deref(), Some("b"));
    assert_eq!(found(json!([entry("a", 1)]), &["a"]).await, None);
    assert_eq!(found(json!([entry("same second", 0)]), &[]).await.as_deref(), Some("same second"));
    assert_eq!(found(json!([entry("skewed", -2)]), &[]).await.as_deref(), Some("skewed"));
    assert_eq!(found(json!([entry("old", -4)]), &[]).await, None);
    for (name, value) in [
        ("post", json!("tomorrow at 16")),
        ("type", json!("Update")),
        ("createdById", json!("an administrator")),
        ("parentId", json!("a meeting of theirs")),
        ("createdAt", json!("soon")),
    ] {
        assert_eq!(found(json!([with(entry("x", 1), name, value)]), &[]).await, None, "{name}");
    }
}

#[tokio::test]
async fn a_long_stream_is_read_back_to_the_attempt() {
    let page: Value = (0..100).map(|index| with(entry(&format!("x{index}"), 9), "post", json!("other"))).collect();
    let script =
        vec![record(json!({"user": {"id": "me"}})), listed(page), listed(json!([entry("mine", 1), entry("before", -100)]))];
    let ask = async |call: &CrmCall<'_>| EspoCrm.find_note(call, &note(), at(0), &[]).await;
    let (result, seen) = run(script, ask).await;
    assert_eq!(result.unwrap(), Some(noted("mine")));
    assert_asked(&seen[2], "GET /crm/api/v1/Contact/c1/stream", &[("offset", "100")]);
}

#[tokio::test]
async fn a_look_up_that_fails_is_no_answer() {
    let ask = async |call: &CrmCall<'_>| EspoCrm.find_note(call, &note(), at(0), &[]).await;
    for script in [
        vec![Step::Close],
        vec![record(json!({"user": {}}))],
        vec![record(json!({"user": {"id": "me"}})), Step::CutOff],
        vec![record(json!({"user": {"id": "me"}})), record(json!({"total": 0}))],
    ] {
        assert_eq!(run(script, ask).await.0.unwrap_err().class, RETRY);
    }
}
