// The row of phones, one for each messenger; on a narrow screen one at a time, picked by its tab.

import { byId, el } from "./dom.js";
import { MESSENGERS, nameOf } from "./messengers.js";
import { Phone } from "./phone.js";

const phones = new Map();
let acted = () => {};

/** `after` is called after everything a client did. */
export function connectPhones(after) {
  acted = after;
}

/** The chats that are shown, as the snapshot wants them named. */
export const watched = () => [...phones.values()].map((phone) => phone.chat).filter(Boolean).join(",");

/** The vendor on whose phone a name is; one that is on several phones is on none. */
export function owners() {
  const vendors = new Map();
  for (const { vendor, owner } of phones.values()) vendors.set(owner, vendors.has(owner) ? undefined : vendor);
  return vendors;
}

/** Draws the snapshot's messengers. True if a chat is shown now that the snapshot did not have. */
export function drawPhones(messengers) {
  const order = Object.keys(MESSENGERS);
  const rank = ({ vendor }) => (order.includes(vendor) ? order.indexOf(vendor) : order.length);
  const sorted = [...messengers].sort((one, other) => rank(one) - rank(other));
  for (const { vendor } of sorted) if (!phones.has(vendor)) add(vendor);
  return sorted.map((messenger) => phones.get(messenger.vendor).draw(messenger)).some(Boolean);
}

function add(vendor) {
  const tab = el("button", { type: "button", role: "tab", "data-vendor": vendor, "aria-selected": "false", click: () => show(vendor) }, nameOf(vendor));
  const news = () => { if (tab.getAttribute("aria-selected") === "false") tab.classList.add("news"); };
  const phone = new Phone(vendor, { acted: () => acted(), news });
  phones.set(vendor, phone);
  byId("phones").append(phone.box);
  byId("tabs").append(tab);
  if (phones.size === 1) show(vendor);
}

function show(vendor) {
  for (const phone of phones.values()) phone.box.classList.toggle("current", phone.vendor === vendor);
  for (const tab of byId("tabs").children) {
    const current = tab.dataset.vendor === vendor;
    tab.setAttribute("aria-selected", String(current));
    if (current) tab.classList.remove("news");
  }
}
