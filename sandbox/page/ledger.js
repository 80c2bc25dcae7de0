// The message ledger: what the product called, and what the messengers delivered to it.

import { byId, el, empty, moment } from "./dom.js";
import { nameOf } from "./messengers.js";

/** Lines kept on the page. */
const LINES = 500;

const operations = new Map();
let delivered = new Set();

/** What the product called of a vendor's so far. */
export const operationsOf = (vendor) => [...(operations.get(vendor) ?? [])].sort();

/** Deliveries carry no number: what was not there at the last look is new. */
function newDeliveries(messengers) {
  const all = messengers.flatMap(({ vendor, deliveries }) => (deliveries ?? []).map((one) => ({ vendor, ...one })));
  const keyed = all.map((one) => [JSON.stringify(one), one]);
  const fresh = keyed.filter(([key]) => !delivered.has(key)).map(([, one]) => one);
  delivered = new Set(keyed.map(([key]) => key));
  return fresh;
}

/** Adds new requests of the product's and new deliveries of the messengers' at the top. */
export function drawLedger(entries, messengers) {
  const log = byId("ledger");
  log.querySelector(".empty")?.remove();
  for (const { vendor, operation } of entries) operations.set(vendor, (operations.get(vendor) ?? new Set()).add(operation));
  const lines = [...entries.map(requestLine), ...newDeliveries(messengers).map(deliveryLine)];
  lines.sort((one, other) => one.at.localeCompare(other.at));
  for (const line of lines) log.prepend(line.element);
  while (log.childElementCount > LINES) log.lastElementChild.remove();
  if (!log.childElementCount) log.append(empty("The product has not called yet"));
}

function requestLine(entry) {
  const status = entry.status === 0 ? "no answer" : String(entry.status);
  const tone = entry.status >= 200 && entry.status < 300 ? "good" : entry.status === 429 ? "warn" : "bad";
  const text = gist(entry.request ?? {});
  return line({
    at: entry.at,
    kind: `${entry.violations.length ? "forbidden " : ""}request`,
    from: `→ ${nameOf(entry.vendor)}`,
    vendor: entry.vendor,
    what: entry.operation,
    text,
    pills: [entry.fault && ["warn", entry.fault.kind.replaceAll("_", " ")], [tone, status]],
    wrong: entry.violations,
    detail: entry.request,
  });
}

/** What a request says in one line: the text in it, wherever its vendor has that, or all of it. */
function gist(request) {
  const parts = [request, request.parameters, request.variables, request.body].filter((part) => part && typeof part === "object");
  const texts = parts.flatMap((part) => [
    part.text, part.text?.body, part.message, part.message?.text, part.interactive?.body?.text, part.template?.name, part.content,
  ]);
  const all = Object.keys(request).length ? JSON.stringify(request.parameters ?? request.variables ?? request) : "";
  return texts.find((text) => typeof text === "string" && text) ?? all;
}

function deliveryLine({ vendor, ...delivery }) {
  const failed = delivery.error ?? (delivery.taken === false ? "not taken" : undefined);
  const id = delivery.update_id ?? delivery.event_id ?? delivery.event ?? delivery.events?.join(", ") ?? "";
  return line({
    at: delivery.at,
    kind: "delivery",
    from: `${nameOf(vendor)} →`,
    vendor,
    what: delivery.kind ?? "webhook",
    text: failed ?? String(id),
    pills: [[failed ? "bad" : "good", delivery.status === 0 ? "no answer" : String(delivery.status)]],
    wrong: [],
    detail: delivery,
  });
}

function line({ at, kind, from, vendor, what, text, pills, wrong, detail }) {
  const summary = el(
    "summary",
    {},
    el("time", { datetime: at }, moment(at, "seconds")),
    el("span", { class: "from" }, from),
    el("strong", { title: what }, what),
    el("span", { class: "text" }, text),
    el("span", {}, ...pills.filter(Boolean).map(([tone, label]) => el("span", { class: `pill ${tone}` }, label))),
  );
  const element = el(
    "article",
    { class: `entry ${kind}`, "data-vendor": vendor },
    el("details", {}, summary, el("pre", {}, JSON.stringify(detail, null, 2))),
    wrong.length > 0 && el("ul", { class: "wrong" }, ...wrong.map((reason) => el("li", {}, reason))),
  );
  return { at, element };
}
