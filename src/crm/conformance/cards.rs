//! What the suite tells CRMs. A number makes each card another's.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{
    channel::ChannelKind,
    crm::{Author, BookingCard, BookingState, ClientCard, EnquiryCard, NoteCard, TaskCard, Touched},
    ids::{BookingId, ClientId, IntentId},
    lang::Lang,
    lead::Utm,
};

pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_200_000 + seconds, 0).unwrap()
}

pub(super) fn phone(number: u128) -> String {
    format!("+7900{number:07}")
}

/// With everything that can be known of a client.
pub(super) fn client(number: u128) -> ClientCard {
    ClientCard {
        id: ClientId(Uuid::from_u128(number)),
        known: None,
        name: Some(format!("Anna Nr{number}")),
        phone: Some(phone(number)),
        claimed_phone: None,
        email: Some(format!("anna{number}@example.com")),
        language: Some(Lang::Ru),
        channel: Some(ChannelKind::Telegram),
        handle: Some(format!("@anna{number}")),
        first_touch: Some(Touched { referral: Some("maria10".to_owned()), at: at(0) }),
        last_referral: Some("olga5".to_owned()),
        no_shows: 1,
    }
}

/// With nothing but an id, and where they write.
pub(super) fn stranger(number: u128) -> ClientCard {
    ClientCard {
        name: None,
        phone: None,
        email: None,
        language: None,
        handle: None,
        first_touch: None,
        last_referral: None,
        ..client(number)
    }
}

pub(super) fn enquiry(number: u128, client: &str) -> EnquiryCard {
    EnquiryCard {
        id: Uuid::from_u128(1000 + number),
        known: None,
        client: client.to_owned(),
        name: Some("Anna".to_owned()),
        phone: Some(phone(500 + number)),
        email: Some("asks@example.com".to_owned()),
        title: "Haircut".to_owned(),
        message: Some("is *Saturday* free?".to_owned()),
        tracking_code: "K7M2".to_owned(),
        channel: Some(ChannelKind::Vk),
        referral: Some("maria10".to_owned()),
        utm: Utm { source: Some("flyer".to_owned()), ..Utm::default() },
        page: Some("https://salon.example/price".to_owned()),
        at: at(0),
    }
}

pub(super) fn booking(number: u128, client: &str) -> BookingCard {
    BookingCard {
        id: BookingId(Uuid::from_u128(2000 + number)),
        known: None,
        client: client.to_owned(),
        title: "Haircut, Olga".to_owned(),
        service: Some("Haircut".to_owned()),
        master: Some("Olga".to_owned()),
        master_key: Some("olga".to_owned()),
        price: Some("2500 ₽".to_owned()),
        start: at(86_400),
        end: at(90_000),
        zone: chrono_tz::Europe::Berlin,
        state: BookingState::Planned,
        reason: None,
    }
}

/// The same visit an hour later, when it is linked.
pub(super) fn moved(card: &BookingCard, record: &str) -> BookingCard {
    let hour = TimeDelta::hours(1);
    BookingCard { known: Some(record.to_owned()), start: card.start + hour, end: card.end + hour, ..card.clone() }
}

pub(super) fn note(client: &str, text: &str) -> NoteCard {
    NoteCard {
        client: client.to_owned(),
        conversation: None,
        author: Author::Salon,
        text: text.to_owned(),
        at: at(0),
        in_talk: false,
    }
}

pub(super) fn task(number: u128, client: &str) -> TaskCard {
    TaskCard {
        id: IntentId(Uuid::from_u128(3000 + number)),
        client: client.to_owned(),
        title: "Call the client".to_owned(),
        text: "The calendar did not answer".to_owned(),
        due: at(7200),
    }
}
