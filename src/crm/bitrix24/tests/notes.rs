use serde_json::{Value, json};

use super::*;
use crate::{
    crm::{Author, Crm, GONE, NoteCard, Noted, TaskCard},
    ids::IntentId,
    vendor::stub::http,
};

fn note(text: &str) -> NoteCard {
    NoteCard {
        client: "275".to_owned(),
        conversation: None,
        author: Author::Salon,
        text: text.to_owned(),
        at: at(0),
        in_talk: true,
    }
}

fn noted(id: &str) -> Noted {
    Noted { conversation: None, note: id.to_owned() }
}

#[tokio::test]
async fn a_note_is_a_comment_in_which_nothing_is_a_tag() {
    let stub = Stub::start("", vec![good(&json!(999))]).await;
    let result = Bitrix24.append_note(&call(&http(), &account(&stub)), &note("[b]см. [URL=http://x]тут[/URL]")).await;
    assert_eq!(result, Ok(noted("999")));
    let seen = stub.seen().remove(0);
    assert_eq!(method(&seen), "crm.timeline.comment.add");
    let comment = "[\u{200b}b]см. [\u{200b}URL=http://x]тут[\u{200b}/URL]";
    assert_eq!(seen.body, json!({"fields": {"ENTITY_ID": 275, "ENTITY_TYPE": "contact", "COMMENT": comment}}));
}

#[tokio::test]
async fn a_note_that_may_have_gone_in_is_unknown() {
    let cases = [
        (Step::Close, Class::Unknown),
        (Step::CutOff, Class::Unknown),
        (good(&json!(null)), Class::Unknown),
        (good(&json!(0)), Class::Unknown),
        (bad(500, "INTERNAL_SERVER_ERROR"), Class::Unknown),
        (Step::Answer { status: 502, headers: vec![], body: "<html>".to_owned() }, Class::Unknown),
        (Step::Answer { status: 200, headers: vec![], body: "<html>".to_owned() }, Class::Unknown),
        (Step::Answer { status: 200, headers: vec![], body: "{\"result\":9".to_owned() }, Class::Unknown),
        (bad(400, "NOT_FOUND"), Class::Permanent),
    ];
    for (step, class) in cases {
        let stub = Stub::start("", vec![step.clone()]).await;
        let failure = Bitrix24.append_note(&call(&http(), &account(&stub)), &note("x")).await.unwrap_err();
        assert_eq!(failure.class, class, "{step:?}");
    }
}

fn comment(id: u32, text: &str, seconds: i64) -> Value {
    json!({"ID": id.to_string(), "COMMENT": text, "CREATED": super::super::wire::at(&at(seconds))})
}

async fn found(comments: Value, taken: &[String]) -> Option<Noted> {
    let stub = Stub::start("", vec![good(&comments)]).await;
    Bitrix24.find_note(&call(&http(), &account(&stub)), &note("завтра\nв [15]"), at(0), taken).await.unwrap()
}

#[tokio::test]
async fn a_look_up_finds_the_attempts_own_note_only() {
    let ours = "завтра\r\nв [\u{200b}15]";
    assert_eq!(found(json!([comment(2, ours, 1)]), &[]).await, Some(noted("2")));
    assert_eq!(found(json!([comment(3, ours, 9), comment(2, ours, 1), comment(1, ours, -60)]), &[]).await, Some(noted("2")));
    assert_eq!(found(json!([comment(2, ours, -2)]), &[]).await, Some(noted("2")), "their clock may be behind");
    assert_eq!(found(json!([comment(2, ours, -4)]), &[]).await, None, "an earlier one");
    assert_eq!(found(json!([comment(2, "в 16", 1)]), &[]).await, None);
    assert_eq!(found(json!([comment(2, ours, 1)]), &["2".to_owned()]).await, None);
    assert_eq!(found(json!([{"ID": "2", "COMMENT": ours}]), &[]).await, None, "without a time");
    assert_eq!(found(json!([]), &[]).await, None);
}

#[tokio::test]
async fn a_long_timeline_is_read_back_to_the_attempt() {
    let page: Value = (0..50).map(|at| comment(100 - at, "x", 9)).collect();
    let steps = vec![
        Step::json(200, &json!({"result": page, "next": 50, "total": 52})),
        good(&json!([comment(2, "mine", 1), comment(1, "x", -100)])),
    ];
    let stub = Stub::start("", steps).await;
    let found = Bitrix24.find_note(&call(&http(), &account(&stub)), &note("mine"), at(0), &[]).await.unwrap();
    assert_eq!(found, Some(noted("2")));
    let expected = |start: u32| {
        json!({"filter": {"ENTITY_ID": 275, "ENTITY_TYPE": "contact"}, "order": {"ID": "DESC"},
            "select": ["ID", "CREATED", "COMMENT"], "start": start})
    };
    let seen = stub.seen();
    assert_eq!((method(&seen[0]), &seen[0].body), ("crm.timeline.comment.list", &expected(0)));
    assert_eq!(seen[1].body, expected(50));
}

#[tokio::test]
async fn a_look_up_that_fails_is_no_answer() {
    let stub = Stub::start("", vec![bad(500, "ERROR_UNEXPECTED_ANSWER"), Step::Close]).await;
    for _ in 0..2 {
        let failure = Bitrix24.find_note(&call(&http(), &account(&stub)), &note("x"), at(0), &[]).await.unwrap_err();
        assert_eq!(failure.class, RETRY);
    }
}

fn task() -> TaskCard {
    TaskCard {
        id: IntentId(ours()),
        client: "275".to_owned(),
        title: "Call Anna".to_owned(),
        text: "She asks [for] a person".to_owned(),
        due: at(0),
    }
}

#[tokio::test]
async fn a_task_is_looked_for_and_then_made() {
    let stub = Stub::start("", vec![good(&json!([])), good(&json!({"id": 31}))]).await;
    assert_eq!(Bitrix24.create_task(&call(&http(), &account(&stub)), &task()).await, Ok("31".to_owned()));
    let seen = stub.seen();
    let list = json!({"filter": {"OWNER_TYPE_ID": 3, "OWNER_ID": 275}, "order": {"ID": "DESC"},
        "select": ["ID", "DESCRIPTION", "DEADLINE", "COMPLETED"]});
    assert_eq!((method(&seen[0]), &seen[0].body), ("crm.activity.list", &list));
    let add = json!({"ownerTypeId": 3, "ownerId": 275, "deadline": "2026-11-20T18:40:00+00:00", "title": "Call Anna",
        "description": format!("She asks [\u{200b}for] a person\n\nsalon-core {OURS}"), "responsibleId": 1});
    assert_eq!((method(&seen[1]), &seen[1].body), ("crm.activity.todo.add", &add));
}

#[tokio::test]
async fn a_task_of_an_earlier_attempt_is_not_made_again() {
    let there = json!([{"ID": "30", "DESCRIPTION": "x"}, {"ID": "31", "DESCRIPTION": format!("x\n\nsalon-core {OURS}"), "COMPLETED": "Y"}]);
    let stub = Stub::start("", vec![good(&there)]).await;
    assert_eq!(Bitrix24.create_task(&call(&http(), &account(&stub)), &task()).await, Ok("31".to_owned()));
    assert_eq!(stub.seen().len(), 1);
    for (step, expected) in [
        (Step::Close, Failure::retry("no_answer")),
        (bad(400, "OWNER_NOT_FOUND"), refused(GONE)),
        (bad(400, "WRONG_DATETIME_FORMAT"), refused("datetime_format")),
    ] {
        let stub = Stub::start("", vec![good(&json!([])), step]).await;
        assert_eq!(Bitrix24.create_task(&call(&http(), &account(&stub)), &task()).await, Err(expected));
    }
}
