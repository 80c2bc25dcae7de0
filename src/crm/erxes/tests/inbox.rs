//! Operators' answers, and notes.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{TOKEN, account, at, data, graph_error, messages::message, users_account};
use crate::{
    crm::{
        Author, Crm, CrmCall, EXPIRED, InboxReply, NoteCard, Noted, RepliedBy, UNATTENDED,
        erxes::{Erxes, operations, text::plain},
    },
    vendor::{
        Class, Failure,
        stub::{Step, Stub, http},
    },
};

fn said(id: &str, seconds: i64, who: Value) -> Value {
    let mut message = json!({"_id": id, "conversationId": "con1", "content": format!("<p>{id}</p>"), "internal": false,
                             "fromBot": false, "customerId": null, "userId": null, "createdAt": at(seconds).to_rfc3339()});
    for (name, value) in who.as_object().unwrap() {
        message[name] = value.clone();
    }
    message
}

fn operator(id: &str, seconds: i64) -> Value {
    said(id, seconds, json!({"userId": "u1"}))
}

fn reply(id: &str, seconds: i64) -> InboxReply {
    InboxReply { id: id.to_owned(), text: id.to_owned(), at: at(seconds), by: RepliedBy::Operator }
}

#[tokio::test]
async fn only_what_people_at_the_salon_answered_is_an_answer() {
    let messages = json!([
        operator("late", 9),
        said("bot", 8, json!({"fromBot": true})),
        said("ours", 7, json!({"userId": "app:a1"})),
        said("internal", 6, json!({"userId": "u1", "internal": true})),
        said("client", 5, json!({"customerId": "cus1"})),
        said("odd", 4, json!({"customerId": "cus1", "userId": "u1"})),
        said("nobody", 3, json!({})),
        said("empty", 3, json!({"userId": "u1", "customerId": "", "content": null})),
        operator("early", 2),
        operator("old", -1),
    ]);
    let stub = Stub::start("", vec![data("conversationMessages", messages)]).await;
    let account = account(&stub, Some(TOKEN));
    let replies = Erxes.replies_since(&CrmCall::new(&http(), &account, UNATTENDED), "con1", at(0)).await.unwrap();
    let bot = InboxReply { by: RepliedBy::Bot, ..reply("bot", 8) };
    let empty = InboxReply { text: String::new(), ..reply("empty", 3) };
    assert_eq!(replies, [reply("early", 2), empty, bot, reply("late", 9)]);
    assert!(!format!("{replies:?}").contains("text"), "no words in what is printed");
}

#[tokio::test]
async fn what_was_written_under_our_own_user_is_ours() {
    let messages = json!([said("ours", 2, json!({"userId": "robot"})), operator("theirs", 1)]);
    let who = data("currentUser", json!({"_id": "robot", "isOwner": false}));
    let stub = Stub::start("", vec![who, data("conversationMessages", messages), data("currentUser", json!(null))]).await;
    let (http, account) = (http(), users_account(&stub));
    let call = CrmCall::new(&http, &account, UNATTENDED);
    assert_eq!(Erxes.replies_since(&call, "con1", at(0)).await.unwrap(), [reply("theirs", 1)]);
    let failure = Erxes.replies_since(&call, "con1", at(0)).await.unwrap_err();
    assert_eq!(failure, Failure::new(Class::Credential, EXPIRED), "who we are is known, or nothing is read");
}

#[tokio::test]
async fn all_pages_are_read_and_what_moved_between_them_counts_once() {
    let page = |from: i64| (0..100).map(|index| operator(&format!("{from}-{index:02}"), from - index)).collect::<Vec<_>>();
    let first = page(500);
    // A new message came in between: the last of the first page is the first of the second.
    let mut second = vec![first[99].clone()];
    second.extend(page(400).into_iter().take(5));
    let stub =
        Stub::start("", vec![data("conversationMessages", json!(first)), data("conversationMessages", json!(second))]).await;
    let account = account(&stub, None);
    let replies = Erxes.replies_since(&CrmCall::new(&http(), &account, UNATTENDED), "con1", at(0)).await.unwrap();
    assert_eq!(replies.len(), 105);
    assert!(replies.is_sorted_by_key(|reply| reply.at));
    assert_eq!(stub.seen()[1].body["variables"]["skip"], 100);
}

fn note(conversation: Option<&str>) -> NoteCard {
    NoteCard { in_talk: false, ..message(Author::Salon, conversation) }
}

fn noted() -> Noted {
    Noted { conversation: None, note: "n1".to_owned() }
}

fn in_talk() -> Noted {
    Noted { conversation: Some("con1".to_owned()), note: "m1".to_owned() }
}

#[tokio::test]
async fn a_users_note_goes_to_the_clients_record() {
    let stub = Stub::start("", vec![data("internalNotesAdd", json!({"_id": "n1"}))]).await;
    let account = users_account(&stub);
    let result = Erxes.append_note(&CrmCall::new(&http(), &account, UNATTENDED), &note(Some("con1"))).await;
    assert_eq!(result, Ok(noted()));
    let variables = json!({"contentType": "core:customer", "contentTypeId": "cus1", "content": "завтра в 15"});
    assert_eq!(stub.seen()[0].body, json!({"query": operations::NOTE_ADD.document, "variables": variables}));
}

#[tokio::test]
async fn a_note_that_can_not_be_one_is_an_internal_message_or_a_marked_one() {
    let refused = |text: &str| Step::json(200, &graph_error(text, "EXPECTED"));
    let stored = json!({"_id": "m1", "conversationId": "con1"});
    for first in [data("internalNotesAdd", json!(null)), refused("Permission required"), refused("OAuth scope required")] {
        let script = vec![
            first.clone(),
            data("conversationMessageAdd", stored.clone()),
            first,
            data("widgetsInsertMessage", stored.clone()),
        ];
        let stub = Stub::start("", script).await;
        let (http, account) = (http(), users_account(&stub));
        let call = CrmCall::new(&http, &account, UNATTENDED);
        assert_eq!(Erxes.append_note(&call, &note(Some("con1"))).await, Ok(in_talk()));
        assert_eq!(Erxes.append_note(&call, &note(None)).await, Ok(in_talk()));
        let seen = stub.seen();
        assert_eq!(seen[1].body["variables"]["internal"], true);
        assert_eq!(seen[3].body["variables"]["message"], "[salon] завтра в 15");
    }
}

#[tokio::test]
async fn a_note_that_may_be_there_is_looked_for_on_the_record_and_in_the_talk() {
    let stub = Stub::start("", vec![Step::CutOff]).await;
    let failure = Erxes.append_note(&CrmCall::new(&http(), &users_account(&stub), UNATTENDED), &note(None)).await.unwrap_err();
    assert_eq!(failure.class, Class::Unknown);
    let stored = |id: &str, seconds: i64| json!({"_id": id, "content": "завтра в 15", "createdAt": at(seconds).to_rfc3339()});
    let notes = json!([stored("old", -9), stored("taken", 1), stored("n1", 2), stored("n2", 3)]);
    let message = said("m1", 1, json!({"userId": "robot", "content": "завтра в 15"}));
    let script =
        vec![data("internalNotes", notes), data("internalNotes", json!([])), data("conversationMessages", json!([message]))];
    let stub = Stub::start("", script).await;
    let (http, account) = (http(), users_account(&stub));
    let call = CrmCall::new(&http, &account, UNATTENDED);
    let taken = ["taken".to_owned()];
    assert_eq!(Erxes.find_note(&call, &note(Some("con1")), at(0), &taken).await, Ok(Some(noted())));
    assert_eq!(Erxes.find_note(&call, &note(Some("con1")), at(0), &taken).await, Ok(Some(in_talk())));
}

#[test]
fn an_operators_html_becomes_text() {
    for (html, text) in [
        ("<p>Здравствуйте!</p><p>Ждём <b>вас</b> в&nbsp;15</p>", "Здравствуйте!\nЖдём вас в 15"),
        ("one<br>two<br/>three<BR />four", "one\ntwo\nthree\nfour"),
        ("5 < 6 and 7 > 6, <3", "5 < 6 and 7 > 6, <3"),
        ("a &lt;b&gt; &amp;lt; &quot;c&quot; &#39;d&#39;", "a <b> &lt; \"c\" 'd'"),
        ("<ul><li>one</li><li>two</li></ul>", "one\ntwo"),
        ("<a href=\"https://x.example/?a=1\">link</a>", "link"),
        ("<p></p><p></p><p></p><p>x</p>", "x"),
        ("unfinished <b", "unfinished <b"),
        ("", ""),
    ] {
        assert_eq!(plain(html), text, "{html}");
    }
}

proptest! {
    #[test]
    fn text_without_markup_stays(text in "[a-zа-я0-9 .,!?<>]{0,40}") {
        prop_assume!(!text.contains('<') || !text.contains('>'));
        let trimmed = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim().to_owned();
        prop_assert_eq!(plain(&text), trimmed);
    }

    #[test]
    fn any_html_can_be_read(html in "[<>/a-z&;#\"= \nя]{0,60}") {
        plain(&html);
    }
}
