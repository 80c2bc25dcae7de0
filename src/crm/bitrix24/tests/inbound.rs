use http::HeaderMap;

use super::*;
use crate::{
    channel::SignatureInvalid,
    crm::{Crm, Entity, Hint},
};

const TOKEN: &str = "51856fefc120afa4b628cc82d3935cce";
const MEMBER: &str = "a223c6b3710f85df22e9377d6c4f7553";

fn secrets(member: Option<&str>) -> CrmSecrets {
    CrmSecrets { webhook_secret: Some(TOKEN.into()), member_id: member.map(str::to_owned), ..CrmSecrets::default() }
}

fn form(pairs: &[(&str, &str)]) -> Vec<u8> {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into_bytes()
}

fn event(name: &str, id: &str, ts: &str) -> Vec<u8> {
    form(&[
        ("event", name),
        ("event_handler_id", "3"),
        ("data[FIELDS][ID]", id),
        ("ts", ts),
        ("auth[domain]", "salon.bitrix24.example"),
        ("auth[member_id]", MEMBER),
        ("auth[application_token]", TOKEN),
    ])
}

fn verify(body: &[u8], secrets: &CrmSecrets) -> Result<(), SignatureInvalid> {
    Bitrix24.verify(&HeaderMap::new(), body, secrets, at(0))
}

fn parse(body: &[u8]) -> Vec<Hint> {
    Bitrix24.parse(&HeaderMap::new(), body, &secrets(None)).unwrap()
}

#[test]
fn the_token_and_the_portal_are_proven() {
    let good = event("ONCRMDEALUPDATE", "5", "1795200000");
    assert_eq!(verify(&good, &secrets(None)), Ok(()));
    assert_eq!(verify(&good, &secrets(Some(MEMBER))), Ok(()));
    assert_eq!(verify(&good, &secrets(Some("somebody else"))), Err(SignatureInvalid));
    assert_eq!(verify(&good, &CrmSecrets::default()), Err(SignatureInvalid), "nothing is known that could prove anything");
    let empty = CrmSecrets { webhook_secret: Some("".into()), ..CrmSecrets::default() };
    assert_eq!(verify(&form(&[("auth[application_token]", "")]), &empty), Err(SignatureInvalid));
}

#[test]
fn one_wrong_bit_is_wrong() {
    for at in 0..TOKEN.len() {
        for bit in 0..7 {
            let mut token = TOKEN.as_bytes().to_vec();
            token[at] ^= 1 << bit;
            let token = String::from_utf8(token).unwrap();
            let body = form(&[("auth[application_token]", &token), ("auth[member_id]", MEMBER)]);
            assert_eq!(verify(&body, &secrets(None)), Err(SignatureInvalid), "{token}");
        }
    }
}

#[test]
fn what_is_missing_or_twice_there_proves_nothing() {
    let token = ("auth[application_token]", TOKEN);
    let cases: [&[(&str, &str)]; 5] = [
        &[("event", "ONCRMDEALUPDATE")],
        &[token, token],
        &[token, ("auth[application_token]", "x")],
        &[("application_token", TOKEN), ("auth", TOKEN)],
        &[("auth[application_token][]", TOKEN)],
    ];
    for pairs in cases {
        assert_eq!(verify(&form(pairs), &secrets(None)), Err(SignatureInvalid), "{pairs:?}");
    }
    assert_eq!(verify(&form(&[token]), &secrets(Some(MEMBER))), Err(SignatureInvalid), "no portal is named");
    assert_eq!(verify(b"{\"auth\": {}}", &secrets(None)), Err(SignatureInvalid));
    assert_eq!(verify(b"\xff\xfe", &secrets(None)), Err(SignatureInvalid));
}

#[test]
fn changes_and_deletions_are_hints() {
    let hint = |entity: Entity, record: &str, name: &str, id: &str| Hint {
        vendor_event_id: format!("{name}:{id}:17:{}", entity.as_str()),
        about: Some((entity, record.to_owned())),
        what: name.to_owned(),
    };
    for kind in ["UPDATE", "DELETE"] {
        let name = format!("ONCRMCONTACT{kind}");
        assert_eq!(parse(&event(&name, "275", "17")), [hint(Entity::Client, "275", &name, "275")]);
        let name = format!("ONCRMLEAD{kind}");
        assert_eq!(parse(&event(&name, "12", "17")), [hint(Entity::Enquiry, "lead:12", &name, "12")]);
        let name = format!("ONCRMDEAL{kind}");
        let either = [hint(Entity::Booking, "5", &name, "5"), hint(Entity::Enquiry, "deal:5", &name, "5")];
        assert_eq!(parse(&event(&name, "5", "17")), either);
    }
    assert_eq!(parse(&event("OnCrmDealUpdate", "5", "17"))[0].what, "ONCRMDEALUPDATE");
}

#[test]
fn what_is_not_ours_is_a_hint_about_nothing() {
    for body in [
        event("ONCRMLEADADD", "12", "17"),
        event("ONAPPINSTALL", "", "17"),
        event("ONCRMDEALUPDATE", "5; drop table", "17"),
        event(&"X".repeat(10_000), "1", "17"),
        form(&[("event", "ONCRMDEALUPDATE")]),
        form(&[("event", "ONBOOKINGADD"), ("data[ID]", "5")]),
    ] {
        let hints = parse(&body);
        assert_eq!(hints.len(), 1);
        assert_eq!(hints[0].about, None);
        assert!(hints[0].what.len() <= 64 && hints[0].vendor_event_id.len() < 256);
    }
    for body in [&b""[..], b"{}", b"event=", b"event=A&event=B"] {
        assert!(Bitrix24.parse(&HeaderMap::new(), body, &secrets(None)).is_err());
    }
}

#[test]
fn a_repeated_post_is_one_event_and_a_later_change_another() {
    let id = |body: &[u8]| parse(body)[0].vendor_event_id.clone();
    assert_eq!(id(&event("ONCRMDEALUPDATE", "5", "17")), id(&event("ONCRMDEALUPDATE", "5", "17")));
    for other in [event("ONCRMDEALUPDATE", "5", "18"), event("ONCRMDEALUPDATE", "6", "17"), event("ONCRMDEALDELETE", "5", "17")] {
        assert_ne!(id(&event("ONCRMDEALUPDATE", "5", "17")), id(&other));
    }
}
