// Reads the sandbox once a second and after every action, and draws it.

import { ask, byId, el, moment, redraw } from "./dom.js";
import { nameOf } from "./messengers.js";
import { connectPhones, drawPhones, owners, watched } from "./phones.js";
import { drawCalendar, drawCrm, drawFaults, nextReminder } from "./panels.js";
import { drawLedger, operationsOf } from "./ledger.js";

const AMOUNTS = { slow: ["Milliseconds", 3000], status: ["HTTP status", 500], rate_limit: ["Seconds", 3] };
const FIELDS = { slow: "ms", status: "code", rate_limit: "retry_after" };
/** After an action the answer is looked for at once, in milliseconds. */
const GLANCES = [0, 250, 600];

let nextEntry = 0;
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
  const query = new URLSearchParams({ since: String(nextEntry), chats: watched() });
  draw(await ask("GET", `/snapshot?${query}`));
}

function draw({ clock, messengers, calendar, crm, ledger, faults }) {
  byId("now").textContent = moment(clock.now, "clock");
  byId("now").setAttribute("datetime", clock.now);
  byId("requests").textContent = counted(ledger.total, "request");
  byId("violations").textContent = counted(ledger.violations, "violation");
  byId("violations").className = `pill ${ledger.violations ? "bad" : "good"}`;
  if (drawPhones(messengers)) refresh();
  drawCalendar(calendar, owners());
  drawCrm(crm, owners());
  drawFaults(faults);
  drawLedger(ledger.entries, messengers);
  if (ledger.entries.length) nextEntry = ledger.entries.at(-1).number + 1;
  offerFaults(messengers);
  upcoming = nextReminder(calendar, Date.parse(clock.now));
  byId("next-reminder").disabled = upcoming === undefined;
  byId("next-reminder").title = upcoming === undefined ? "No visit ahead" : `To ${moment(upcoming, "clock")}`;
}

const counted = (count, thing) => `${count} ${thing}${count === 1 ? "" : "s"}`;

/** Whom a fault can be planned for, and which operations were seen. */
function offerFaults(messengers) {
  const vendors = [...messengers.map(({ vendor }) => vendor), "calcom", "erxes", "bitrix24", "espocrm"];
  redraw(byId("fault-vendor"), vendors, (select) => {
    select.replaceChildren(...vendors.map((vendor) => el("option", { value: vendor }, nameOf(vendor))));
  });
  const operations = ["*", "webhook", ...operationsOf(byId("fault-vendor").value)];
  redraw(byId("operations"), operations, (list) => list.replaceChildren(...operations.map((value) => el("option", { value }))));
}

async function control(method, path, body) {
  await ask(method, path, body).catch((error) => window.alert(error.message));
  glance();
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
}

function glance() {
  for (const after of GLANCES) setTimeout(refresh, after);
}

function connect() {
  connectPhones(glance);
  connectFaults();
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
