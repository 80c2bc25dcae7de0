//! A screen made into one message of a channel, within what its [`Capabilities`] allow.

use std::collections::HashSet;
use std::ops::Range;

use super::screen::{Choice, Screen};
use super::texts::{self, fill, phrases};
use super::token::{MAX_PAYLOAD, TokenSealer};
use crate::channel::capabilities::{ButtonBudget, Capabilities, Limit};

/// Ways out stand side by side where a row is wide enough.
const NAV_COLUMNS: usize = 3;
/// Lines of a page on a channel without buttons.
const TYPED_PAGE: usize = 20;

/// A button of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// Its label, within the channel's limit and unique on the message.
    pub label: String,
    /// Its payload, at most [`MAX_PAYLOAD`] bytes.
    pub payload: String,
}

/// What goes with the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keyboard {
    /// Nothing.
    None,
    /// Buttons on the message, by row.
    Inline(Vec<Vec<Button>>),
    /// A list behind one button.
    List {
        /// The label of the button that opens it.
        open_label: String,
        /// Its rows.
        rows: Vec<Button>,
    },
    /// A button that shares the client's own number.
    RequestContact {
        /// Its label.
        label: String,
    },
    /// Take away the keyboard under the input field.
    Remove,
}

/// A message ready for an adapter to put into its wire format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The text, within the channel's limit. Plain: no markup, nothing to escape for a channel without a parse mode.
    pub text: String,
    /// The keyboard.
    pub keyboard: Keyboard,
}

/// Makes a message of `screen`. Choices beyond the budget go to further pages behind a "more" button; where labels had
/// to be cut, or there are no buttons, the text lists the choices by the numbers that can be typed.
pub fn render(screen: &Screen, caps: &Capabilities, seal: &TokenSealer) -> Rendered {
    let label_limit = caps.buttons.and_then(|budget| budget.label);
    if let Some(ask) = screen.ask_contact.as_ref() {
        if !caps.contact_request {
            return Rendered { text: caps.text_limit.cut(&ask.typed), keyboard: Keyboard::None };
        }
        let label = label_limit.map_or_else(|| ask.label.clone(), |limit| limit.cut(&ask.label));
        return Rendered { text: caps.text_limit.cut(&screen.text), keyboard: Keyboard::RequestContact { label } };
    }
    if screen.choices.is_empty() && screen.nav.is_empty() {
        let remove = screen.remove_keyboard && caps.sticky_keyboard;
        let keyboard = if remove { Keyboard::Remove } else { Keyboard::None };
        return Rendered { text: caps.text_limit.cut(&screen.text), keyboard };
    }
    let mut plan = Plan::for_screen(screen, caps, false);
    let lines = lines(screen, caps.text_limit);
    let mut pages = pages(screen, &plan, &lines, caps.text_limit);
    if pages.len() > 1 && !plan.paged {
        // The buttons would have fitted at once, the text did not: "more" needs its room after all.
        plan = Plan::for_screen(screen, caps, true);
        pages = self::pages(screen, &plan, &lines, caps.text_limit);
    }
    let page = pages.get(usize::from(screen.page) % pages.len().max(1)).cloned().unwrap_or_default();
    let text = if plan.listed {
        with_list(&screen.text, &list(screen, &plan, page.clone(), &lines), caps.text_limit)
    } else {
        caps.text_limit.cut(&screen.text)
    };
    Rendered { text, keyboard: plan.keyboard(screen, page, seal) }
}

/// How the choices are shown.
#[derive(Clone, Copy)]
enum Shape {
    Inline(ButtonBudget),
    List { open_label: Limit },
    Typed,
}

#[derive(Clone, Copy)]
struct Plan {
    shape: Shape,
    label: Option<Limit>,
    /// Choices on one page.
    per_page: usize,
    paged: bool,
    nav: bool,
    /// The choices are listed in the text by their numbers.
    listed: bool,
}

impl Plan {
    fn for_screen(screen: &Screen, caps: &Capabilities, force_pages: bool) -> Self {
        let usable = caps.buttons.filter(|budget| budget.payload_bytes >= MAX_PAYLOAD);
        let inline = usable.and_then(|budget| {
            let plan = Self::fit(screen, force_pages, |extra| inline_room(budget, screen, extra))?;
            Some(Self { shape: Shape::Inline(budget), label: budget.label, ..plan })
        });
        let as_list = || {
            let budget = caps.list?;
            let plan = Self::fit(screen, force_pages, |extra| budget.rows.saturating_sub(extra))?;
            let shape = Shape::List { open_label: budget.open_label };
            Some(Self { shape, label: Some(budget.label), ..plan })
        };
        let complete = |plan: &Self| plan.nav && !plan.paged;
        let plan = inline.filter(complete).or_else(as_list).or(inline);
        let mut plan = plan.unwrap_or_else(|| Self::typed(screen.choices.len()));
        let too_long = |choice: &Choice| plan.label.is_some_and(|limit| !limit.fits(&choice.label));
        plan.listed |= screen.choices.iter().any(too_long);
        plan
    }

    /// The fullest of: all at once; pages with the ways out; all without them (they can still be typed); pages
    /// without them. `room(extra)` is how many choices fit beside `extra` other buttons.
    fn fit(screen: &Screen, force_pages: bool, room: impl Fn(usize) -> usize) -> Option<Self> {
        let more = usize::from(screen.more.is_some());
        [(true, false), (true, true), (false, false), (false, true)].into_iter().find_map(|(nav, paged)| {
            let extra = if nav { screen.nav.len() } else { 0 } + if paged { more } else { 0 };
            let per_page = room(extra);
            let fits = if paged { per_page >= 1 && more == 1 } else { !force_pages && per_page >= screen.choices.len() };
            fits.then_some(Self { shape: Shape::Typed, label: None, per_page, paged, nav, listed: false })
        })
    }

    fn typed(n: usize) -> Self {
        let per_page = TYPED_PAGE;
        Self { shape: Shape::Typed, label: None, per_page, paged: n > per_page, nav: true, listed: true }
    }

    fn keyboard(&self, screen: &Screen, page: Range<usize>, seal: &TokenSealer) -> Keyboard {
        let choices = screen.choices.get(page).unwrap_or_default();
        let more = screen.more.iter().filter(|_| self.paged);
        let nav = screen.nav.iter().filter(|_| self.nav);
        let ways_out: Vec<&Choice> = more.chain(nav).collect();
        let count = choices.len();
        let mut buttons = buttons(choices.iter().chain(ways_out), self.label, seal);
        match self.shape {
            Shape::Typed => Keyboard::None,
            Shape::List { open_label } => {
                let open_label = open_label.cut(phrases(screen.lang).open_list);
                Keyboard::List { open_label, rows: buttons }
            }
            Shape::Inline(budget) => {
                // One row is all there is (quick replies): the ways out go to its end.
                if budget.rows == 1 {
                    return Keyboard::Inline(in_rows(buttons, budget.per_row));
                }
                let ways_out = buttons.split_off(count.min(buttons.len()));
                let mut rows = in_rows(buttons, columns(budget, screen));
                rows.extend(in_rows(ways_out, budget.per_row.clamp(1, NAV_COLUMNS)));
                Keyboard::Inline(rows)
            }
        }
    }
}

fn columns(budget: ButtonBudget, screen: &Screen) -> usize {
    usize::from(screen.columns).clamp(1, budget.per_row.max(1))
}

/// How many choices fit beside `extra` ways out.
fn inline_room(budget: ButtonBudget, screen: &Screen, extra: usize) -> usize {
    if budget.rows == 1 {
        return budget.per_row.min(budget.total).saturating_sub(extra);
    }
    let extra_rows = extra.div_ceil(budget.per_row.clamp(1, NAV_COLUMNS));
    let by_rows = budget.rows.saturating_sub(extra_rows) * columns(budget, screen);
    by_rows.min(budget.total.saturating_sub(extra))
}

fn in_rows(buttons: Vec<Button>, columns: usize) -> Vec<Vec<Button>> {
    let mut rows: Vec<Vec<Button>> = Vec::new();
    for button in buttons {
        match rows.last_mut() {
            Some(row) if row.len() < columns => row.push(button),
            _ => rows.push(vec![button]),
        }
    }
    rows
}

/// The choices by page. A page ends early rather than push the text over its limit.
fn pages(screen: &Screen, plan: &Plan, lines: &[String], limit: Limit) -> Vec<Range<usize>> {
    let n = screen.choices.len();
    // A line end divides lengths in every unit.
    let body = limit.measure(&joined(&screen.text, ""));
    let mut pages = Vec::new();
    let mut start = 0;
    while start < n {
        let mut end = n.min(start + plan.per_page.max(1));
        let fits = |end| body + limit.measure(&list(screen, plan, start..end, lines)) <= limit.max;
        while plan.listed && end > start + 1 && !fits(end) {
            end -= 1;
        }
        pages.push(start..end);
        start = end;
    }
    pages
}

/// The choices with their numbers. One line may take a quarter of the text, so that the question itself is never pushed out.
fn lines(screen: &Screen, limit: Limit) -> Vec<String> {
    let line = Limit { max: limit.max / 4, ..limit };
    (1..).zip(&screen.choices).map(|(n, choice)| line.cut(&format!("{n}. {}", choice.label))).collect()
}

/// One page of them, and how to answer.
fn list(screen: &Screen, plan: &Plan, page: Range<usize>, lines: &[String]) -> String {
    let words = phrases(screen.lang);
    let paged = page.len() < screen.choices.len();
    let mut lines: Vec<&str> = lines.get(page).unwrap_or_default().iter().map(String::as_str).collect();
    if matches!(plan.shape, Shape::Typed) {
        let more = screen.more.iter().filter(|_| paged);
        let typed: Vec<&str> = more.chain(&screen.nav).map(|choice| choice.label.as_str()).collect();
        let mut how = if lines.is_empty() { Vec::new() } else { vec![words.answer_by_number.to_owned()] };
        if !typed.is_empty() {
            how.push(fill(words.answer_by_word, &[("words", &typed.join(", "))]));
        }
        if !lines.is_empty() {
            lines.push("");
        }
        let how = how.join(" ");
        lines.push(&how);
        return lines.join("\n");
    }
    lines.join("\n")
}

fn joined(body: &str, list: &str) -> String {
    format!("{body}\n\n{list}")
}

/// The list stays whole, for its numbers can be typed; the body gives way.
fn with_list(body: &str, list: &str, limit: Limit) -> String {
    let whole = joined(body, list);
    if limit.fits(&whole) {
        return whole;
    }
    let room = Limit { max: limit.max.saturating_sub(limit.measure(list) + 2), ..limit };
    limit.cut(&joined(&room.cut(body), list))
}

/// Buttons with labels cut to the limit and made unique by a number at their end: two equal titles are refused by
/// some channels and are a riddle on all.
fn buttons<'a>(choices: impl Iterator<Item = &'a Choice>, limit: Option<Limit>, seal: &TokenSealer) -> Vec<Button> {
    let cut = |label: &str, suffix: &str| match limit {
        Some(limit) => limit.cut_with(label, suffix),
        None => format!("{label}{suffix}"),
    };
    let mut taken = HashSet::new();
    choices
        .map(|choice| {
            // A button without a label is refused by every channel.
            let plain = if choice.label.trim().is_empty() { texts::NO_LABEL } else { choice.label.as_str() };
            let mut label = cut(plain, "");
            let mut n = 2u32;
            while !taken.insert(label.clone()) && n < 1_000 {
                label = cut(plain, &format!(" {n}"));
                n += 1;
            }
            Button { label, payload: seal.seal(&choice.token) }
        })
        .collect()
}
