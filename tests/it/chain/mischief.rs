//! Clients press what is old, press twice, forge, edit and send what was not asked for; Telegram delivers twice.

use salon_sandbox::{fault::Fault, telegram::Action};

use super::{Chain, EN, RU};

const OUT_OF_DATE: &str = "Эта кнопка уже устарела";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_button_changes_nothing_and_shows_where_the_talk_is() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    let menu = anna.press(RU.book).await;
    let services = anna.press("Стрижка").await;
    anna.press("Ольга").await;
    anna.sees("Выберите день.").await;
    for (screen, label) in [(&menu, RU.book), (&services, "Маникюр")] {
        anna.press_on(screen, label).await;
        let answer = anna.sees(OUT_OF_DATE).await;
        assert!(answer.text().contains("Выберите день."), "{}", answer.text());
    }
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_confirmation_pressed_again_and_again_books_once() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.enters(RU).await;
    let summary = anna.chooses(RU).await;
    anna.press_on(&summary, RU.confirm).await;
    anna.press_on(&summary, RU.confirm).await;
    anna.sees(RU.booked).await;
    anna.press_on(&summary, RU.confirm).await;
    chain.idle().await;
    assert_eq!((chain.calendar_states(), chain.visits().await), (vec!["accepted".to_owned()], vec!["booked".to_owned()]));
    assert_eq!(chain.calls("calcom", "POST /v2/bookings"), 1);
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_button_of_somebody_else_s_chat_opens_nothing() {
    let chain = Chain::new().await;
    let (mut anna, mut john) = (chain.anna(), chain.john());
    anna.enters(RU).await;
    john.enters(EN).await;
    let (hers, his) = (anna.chooses(RU).await, john.chooses(EN).await);
    let (_, confirm) = his.buttons().into_iter().find(|(label, _)| label == EN.confirm).unwrap();
    anna.forge_press(&hers, &confirm).await;
    anna.sees(OUT_OF_DATE).await;
    anna.forge_press(&hers, "AAAAAAAAAAAAAAAAAAAAAAAAAAAA").await;
    anna.sees(OUT_OF_DATE).await;
    chain.idle().await;
    assert!(chain.visits().await.is_empty() && chain.booked_through_us().is_empty());
    anna.press_on(&hers, RU.confirm).await;
    anna.sees(RU.booked).await;
    assert_eq!(chain.calendar_states(), ["accepted"]);
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_pictures_and_other_people_s_cards_lead_nowhere() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    anna.act(Action::Start { payload: None }).await;
    anna.press("Русский").await;
    anna.asked_for_number().await;
    anna.act(Action::Contact { phone: Some("79990001122".to_owned()), first_name: Some("Пётр".to_owned()) }).await;
    anna.sees("Это контакт другого человека").await;
    assert_eq!(chain.value::<Option<String>>("select phone from client where tenant_id = $1").await, None);
    anna.act(Action::Contact { phone: None, first_name: None }).await;
    let summary = anna.chooses(RU).await;

    anna.act(Action::Photo { caption: Some("вот так".to_owned()), data: None }).await;
    let answer = anna.sees("Пока понимаю только текст и кнопки.").await;
    assert!(answer.text().contains("Проверьте, всё ли верно"), "{}", answer.text());
    let written = anna.says("а можно подешевле?").await;
    anna.sees("Не совсем понял.").await;
    chain.idle().await;
    let shown = anna.shown().len();
    anna.act(Action::Edit { message_id: written.message_id.unwrap(), text: "да".to_owned() }).await;
    chain.idle().await;
    assert_eq!((anna.shown().len(), chain.visits().await.len()), (shown, 0), "an edit confirms nothing");
    let edits: Vec<(String, Option<String>)> =
        chain.rows(&chain.lotos, "select state, reason from inbound_event where tenant_id = $1 and kind = 'edited'").await;
    assert_eq!(edits, [("ignored".to_owned(), Some("an edit is no new turn".to_owned()))]);

    anna.press_on(&summary, RU.confirm).await;
    anna.sees(RU.booked).await;
    assert_eq!(chain.calendar_states(), ["accepted"]);
    chain.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn updates_that_come_twice_are_answered_once() {
    let chain = Chain::new().await;
    let mut anna = chain.anna();
    chain.plan("telegram", "webhook", Fault::Twice, 6);
    chain.plan("telegram", "webhook", Fault::DropAfterCommit, 2);
    anna.enters(RU).await;
    let booked = anna.books(RU).await;
    chain.idle().await;
    assert!(chain.faults_are_used_up());
    // Start, language, number, menu, service, master, day, time, confirmation.
    let events: i64 = chain.value("select count(*) from inbound_event where tenant_id = $1 and source = 'telegram'").await;
    let heard: i64 = chain.value("select count(*) from message where tenant_id = $1 and direction = 'in'").await;
    assert_eq!((events, heard), (9, 9));
    let mut texts: Vec<String> = anna.shown().iter().map(|shown| shown.text().to_owned()).collect();
    let all = texts.len();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), all, "no screen twice");
    assert_eq!(chain.calendar_states(), ["accepted"]);
    anna.cancels(&booked, RU).await;
    chain.finish().await;
}
