// Reads the sandbox once a second and after every action, and draws it.

import { ask, byId, el, moment, redraw } from "./dom.js";
import { connectPhone, drawChat, phone } from "./chat.js";
import { drawCalendar, drawCrm, drawFaults, drawLedger, nextReminder } from "./panels.js";

const AMOUNTS = { slow: ["Milliseconds", 3000], status: ["HTTP status", 500], rate_limit: ["Seconds", 3] };
const FIELDS = { slow: "ms", status: "code", rate_limit: "retry_after" };

let nextEntry = 0;
let lastDelivery = "";
let deliveriesAt = new Set();
let reading;
let readAgain = false;
let upcoming;

/** Reads are never two at a time: the second would draw the same ledger lines again. */
function refresh() {
  if (reading) {
    readAgain = true;
    return;
  }
  reading = read()
    .then(() => { byId("offline").hidden = true; }, () => { byId("offline").hidden = false; })
    .finally(() => {
      reading = undefined;
      if (!readAgain) return;
      readAgain = false;
      refresh();
    });
}

async function read() {
  const query = new URLSearchParams({ since: String(nextEntry) });
  if (phone.bot && phone.person) {
    query.set("bot", String(phone.bot));
    query.set("person", String(phone.person));
  }
  draw(await ask("GET", `/snapshot?${query}`));
}

function draw(snapshot) {
  const { telegram, vendors, ledger, clock } = snapshot;
  byId("now").textContent = moment(clock.now, "clock");
  byId("now").setAttribute("datetime", clock.now);
  byId("requests").textContent = counted(ledger.total, "request");
  byId("violations").textContent = counted(ledger.violations, "violation");
  byId("violations").className = `pill ${ledger.violations ? "bad" : "good"}`;
  choose(byId("bot"), telegram.bots.map((bot) => [bot.id, bot.name]), "bot");
  choose(byId("person"), telegram.people.map((one) => [one.id, [one.first_name, one.last_name].filter(Boolean).join(" ")]), "person");
  drawChat(telegram.bots.find((bot) => bot.id === phone.bot), snapshot.chat ?? undefined);
  drawCalendar(vendors.calcom);
  drawCrm(vendors.erxes);
  drawFaults(snapshot.faults);
  drawLedger(ledger.entries, newDeliveries(telegram.deliveries));
  if (ledger.entries.length) nextEntry = ledger.entries.at(-1).number + 1;
  upcoming = nextReminder(vendors.calcom, Date.parse(clock.now));
  byId("next-reminder").disabled = upcoming === undefined;
  byId("next-reminder").title = upcoming === undefined ? "No visit ahead" : `To ${moment(upcoming, "clock")}`;
}

const counted = (count, thing) => `${count} ${thing}${count === 1 ? "" : "s"}`;

/** Deliveries carry no number: what is at or after the last one's time and was not drawn yet is new. */
function newDeliveries(deliveries) {
  const key = (one) => `${one.at} ${one.bot} ${one.update_id}`;
  const fresh = deliveries.filter((one) => one.at >= lastDelivery && !deliveriesAt.has(key(one)));
  if (fresh.length) {
    lastDelivery = fresh.at(-1).at;
    deliveriesAt = new Set(deliveries.map(key));
  }
  return fresh;
}

function choose(select, options, key) {
  redraw(select, options, () => {
    select.replaceChildren(...options.map(([id, name]) => el("option", { value: id }, name)));
    if (!options.some(([id]) => id === phone[key])) phone[key] = options[0]?.[0];
    if (phone[key] !== undefined) select.value = String(phone[key]);
    refresh();
  });
}

async function control(method, path, body) {
  await ask(method, path, body).catch((error) => window.alert(error.message));
  refresh();
}

function connectFaults() {
  const form = byId("fault-form");
  const kind = form.elements.namedItem("kind");
  const amount = form.elements.namedItem("amount");
  kind.addEventListener("change", () => {
    const [name, usual] = AMOUNTS[kind.value] ?? [];
    byId("fault-amount-label").hidden = !name;
    byId("fault-amount-name").textContent = name ?? "";
    amount.value = usual ?? 0;
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(form));
    const fault = { kind: values.kind };
    if (FIELDS[values.kind]) fault[FIELDS[values.kind]] = Number(values.amount);
    control("POST", "/faults", { vendor: values.vendor, operation: values.operation, fault, times: Number(values.times) });
  });
  byId("clear-faults").addEventListener("click", () => control("DELETE", "/faults"));
  const operations = ["*", "webhook", "sendMessage", "answerCallbackQuery", "editMessageText", "POST /v2/bookings", "GET /v2/slots", "widgetsInsertMessage"];
  byId("operations").replaceChildren(...operations.map((value) => el("option", { value })));
}

function connect() {
  phone.acted = refresh;
  connectPhone();
  connectFaults();
  for (const key of ["bot", "person"]) {
    byId(key).addEventListener("change", (event) => {
      phone[key] = Number(event.target.value);
      refresh();
    });
  }
  for (const button of document.querySelectorAll("[data-advance]")) {
    button.addEventListener("click", () => control("POST", "/clock/advance", { seconds: Number(button.dataset.advance) }));
  }
  byId("next-reminder").addEventListener("click", () => {
    if (upcoming !== undefined) control("POST", "/clock/advance", { to: new Date(upcoming).toISOString() });
  });
  byId("only-violations").addEventListener("change", (event) => {
    byId("ledger").classList.toggle("only-violations", event.target.checked);
  });
  refresh();
  setInterval(refresh, 1000);
}

connect();
