// What the salon sees: the calendar, the CRM record, the planned faults.

import { ask, byId, el, empty, moment, redraw } from "./dom.js";

/** The product's reminders: on the day before the visit, and two hours before it. */
const REMINDERS_BEFORE_HOURS = [24, 2];
/** Messages and notes of a customer: the last ones are always shown, more of them on request. */
const LAST = 2;
const NOTES = 30;
/** A customer's fields worth showing, and what to call them. */
const FACTS = [
  ["primaryPhone", "Phone"], ["phones", "Phones"], ["primaryEmail", "E-mail"], ["code", "Code"], ["description", "About"],
  ["propertiesData", "Properties"], ["customFieldsData", "Fields"], ["trackedData", "Tracked"],
];

const TONES = { accepted: "good", cancelled: "bad", rejected: "bad", pending: "warn" };

/** `owners`: the vendor on whose phone a name is. */
export function drawCalendar(calcom, owners) {
  redraw(byId("calendar"), [calcom?.bookings ?? [], [...owners]], (panel, [bookings]) => {
    const visits = [...bookings].sort((one, other) => one.start.localeCompare(other.start));
    panel.replaceChildren(...(visits.length ? visits.map((one) => drawVisit(one, owners)) : [empty("No visits yet")]));
  });
}

function drawVisit(booking, owners) {
  const host = booking.hosts?.[0];
  const zone = host?.timeZone ?? booking.attendees?.[0]?.timeZone;
  const over = booking.status !== "accepted" && booking.status !== "pending";
  const client = booking.attendees?.[0];
  return el(
    "article",
    { class: `visit${over ? " over" : ""} ${booking.status}`, "data-booking": booking.uid, "data-vendor": owners.get(client?.name) },
    el("div", { class: "when" }, moment(booking.start, "time", zone), el("small", {}, moment(booking.start, "day", zone))),
    el(
      "div",
      { class: "what" },
      el("strong", { dir: "auto" }, booking.title || booking.eventType?.slug || "Visit"),
      el("small", {}, [client?.name, client?.phoneNumber, host?.name && `with ${host.name}`].filter(Boolean).join(" · ")),
      el("small", {}, `${booking.duration} min${zone ? ` · ${zone}` : ""}`),
      el("div", { class: "side" }, el("span", { class: `pill ${TONES[booking.status] ?? ""}` }, booking.status), ...staff(booking)),
    ),
  );
}

/** What the salon's staff can do in cal.com's own screens. */
function staff({ uid, status, title }) {
  const offers = { pending: [["Confirm", { do: "confirm" }], ["Decline", { do: "decline", reason: "Fully booked" }]], accepted: [["Cancel", { do: "cancel" }]] };
  return (offers[status] ?? []).map(([name, action]) => {
    const click = ({ target }) => {
      target.disabled = true;
      ask("POST", "/vendors/calcom/act", { ...action, uid }).catch((error) => window.alert(error.message));
    };
    return el("button", { type: "button", class: "quiet", "aria-label": `${name} “${title}” as the salon's staff`, click }, name);
  });
}

/** The next moment at which a reminder may be due, as milliseconds; undefined when no visit lies ahead. */
export function nextReminder(calcom, now) {
  const moments = (calcom?.bookings ?? [])
    .filter((booking) => booking.status === "accepted")
    .flatMap((booking) => REMINDERS_BEFORE_HOURS.map((hours) => Date.parse(booking.start) - hours * 3_600_000))
    .filter((at) => at > now);
  return moments.length ? Math.min(...moments) : undefined;
}

export function drawCrm(erxes, owners) {
  redraw(byId("crm"), [erxes ?? null, [...owners]], (panel) => {
    const customers = [...(erxes?.customers ?? [])].reverse();
    const opened = new Set([...panel.querySelectorAll("details[open]")].map((details) => details.dataset.of));
    const drafts = new Map([...panel.querySelectorAll(".reply input")].map((input) => [input.dataset.conversation, input.value]));
    const writing = panel.contains(document.activeElement) ? document.activeElement.dataset.conversation : undefined;
    const records = customers.map((one) => drawCustomer(one, erxes, owners, opened.has(one._id)));
    panel.replaceChildren(...(records.length ? records : [empty("No record yet")]));
    for (const input of panel.querySelectorAll(".reply input")) {
      input.value = drafts.get(input.dataset.conversation) ?? "";
      if (input.dataset.conversation === writing) input.focus();
    }
  });
}

function drawCustomer(customer, erxes, owners, open) {
  const name = [customer.firstName, customer.lastName].filter(Boolean).join(" ") || "Unnamed";
  const conversations = (erxes.conversations ?? []).filter((one) => one.customerId === customer._id);
  const about = new Set([customer._id, ...conversations.map((one) => one._id)]);
  const said = (erxes.messages ?? []).filter((one) => about.has(one.conversationId));
  const noted = (erxes.notes ?? []).filter((one) => about.has(one.contentTypeId)).map((one) => ({ ...one, note: true }));
  const written = [...said, ...noted].sort((one, other) => String(one.createdAt).localeCompare(String(other.createdAt)));
  const earlier = written.slice(-NOTES, -LAST);
  return el(
    "article",
    { class: "record", "data-customer": customer._id, "data-vendor": owners.get(name) },
    el("strong", { dir: "auto" }, name),
    " ",
    customer.state && el("span", { class: "pill" }, customer.state),
    facts(customer),
    earlier.length > 0 && el("details", { "data-of": customer._id, open }, el("summary", {}, `${earlier.length} earlier`), ...earlier.map(drawNote)),
    ...written.slice(-LAST).map(drawNote),
    conversations.length > 0 && replyForm(conversations.at(-1)._id),
  );
}

/** An operator answers in the erxes inbox. */
function replyForm(conversation) {
  const input = el("input", { name: "text", autocomplete: "off", placeholder: "Answer as the operator", "aria-label": "Answer as the operator", "data-conversation": conversation });
  const submit = (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (!text) return;
    input.value = "";
    ask("POST", "/vendors/erxes/act", { do: "reply", conversation_id: conversation, text }).catch((error) => window.alert(error.message));
  };
  return el("form", { class: "reply", submit }, input, el("button", { type: "submit", class: "quiet" }, "Answer"));
}

function facts(customer) {
  const list = el("dl");
  for (const [field, name] of FACTS) {
    const value = customer[field];
    if (!value || value.length === 0 || (Array.isArray(value) && value.length === 1 && value[0] === customer.primaryPhone)) continue;
    list.append(el("dt", {}, name), el("dd", {}, typeof value === "object" ? JSON.stringify(value) : String(value)));
  }
  return list;
}

function drawNote(one) {
  const author = one.note || one.internal ? "note" : one.fromBot ? "bot" : one.userId ? "operator" : "client";
  const at = one.createdAt ? moment(one.createdAt, "minute") : "";
  return el("p", { class: `note ${author}` }, el("small", {}, [author, at].filter(Boolean).join(" · ")), el("span", { dir: "auto" }, plain(one.content ?? "")));
}

/** CRM notes are HTML: their text only. A parsed document that is never attached runs nothing. */
function plain(html) {
  return new DOMParser().parseFromString(html.replaceAll(/<br\s*\/?>|<\/p>/gi, "\n"), "text/html").body.textContent.trim();
}

export function drawFaults(planned) {
  redraw(byId("planned"), planned, (list) => {
    const items = planned.map(({ vendor, operation, faults }) =>
      el("li", {}, el("span", {}, `${vendor} · ${operation}`), el("span", { class: "pill warn" }, names(faults))));
    list.replaceChildren(...items);
  });
}

function names(faults) {
  const [first] = faults;
  const same = faults.every((fault) => fault.kind === first.kind);
  const name = same ? first.kind : faults.map((fault) => fault.kind).join(", ");
  return `${name.replaceAll("_", " ")}${same && faults.length > 1 ? ` × ${faults.length}` : ""}`;
}
