//! LANG, CONTACT, HOME.

use super::View;
use crate::dialogue::effect::Effect;
use crate::dialogue::machine::Machine;
use crate::dialogue::screen::AskContact;
use crate::dialogue::session::Offer;
use crate::dialogue::texts::{clean, fill, phrases, visits};
use crate::lang::Lang;

pub(super) fn lang(m: &Machine<'_>) -> View {
    // Asked in every language at once: which one the client reads is what we do not know.
    let question: Vec<_> = m.facts.languages.iter().map(|lang| phrases(*lang).pick_lang).collect();
    let choice = |lang: &Lang| (Offer::Lang(*lang), phrases(*lang).own_name.to_owned());
    View::new(question.join("\n")).choices(m.facts.languages.iter().map(choice))
}

pub(super) fn set_lang(m: &mut Machine<'_>, lang: Lang) {
    m.session.lang = Some(lang);
    m.emit(Effect::SetLanguage(lang));
    m.home();
}

pub(super) fn contact(m: &Machine<'_>) -> View {
    let words = phrases(m.lang());
    let ask_contact = AskContact { label: words.share_phone.to_owned(), typed: words.ask_phone_typed.to_owned() };
    View { ask_contact: Some(ask_contact), ..View::new(words.ask_phone) }
}

pub(super) fn home(m: &Machine<'_>) -> View {
    let words = phrases(m.lang());
    let mut lines = vec![fill(words.home, &[("salon", &clean(m.facts.salon_name))])];
    if !m.facts.visits.is_empty() {
        lines.push(fill(words.home_visits, &[("visits", &visits(m.lang(), m.facts.visits.len()))]));
    }
    if let Some(address) = m.facts.address {
        lines.push(fill(words.home_address, &[("address", &clean(address))]));
    }
    let view = View::new(lines.join("\n")).choice(Offer::Book, words.book).choice(Offer::MyVisits, words.my_visits);
    if m.facts.languages.len() > 1 { view.choice(Offer::ChangeLang, words.change_lang) } else { view }
}
