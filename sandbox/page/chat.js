// The phone: what the client sees and does.

import { ask, byId, el, moment, redraw } from "./dom.js";

/** Which bot and person the phone shows; `acted` is called after every action. */
export const phone = { bot: undefined, person: undefined, editing: undefined, acted: () => {} };

let heard;
let toastTimer;

function toast(text) {
  const box = byId("toast");
  box.textContent = text;
  box.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { box.hidden = true; }, 4000);
}

async function act(action) {
  try {
    await ask("POST", `/telegram/bots/${phone.bot}/people/${phone.person}`, action);
  } catch (error) {
    toast(error.message);
  }
  phone.acted();
}

export function connectPhone() {
  const onClick = (id, action) => byId(id).addEventListener("click", () => act(action()));
  onClick("start", () => (byId("start").dataset.do === "unblock" ? { do: "unblock" } : { do: "start" }));
  onClick("block", () => ({ do: byId("block").dataset.do }));
  onClick("own-contact", () => ({ do: "contact" }));
  onClick("other-contact", () => ({ do: "contact", phone: "+79990001122", first_name: "Somebody" }));
  onClick("photo", () => ({ do: "photo", caption: "like this" }));
  onClick("voice", () => ({ do: "voice", duration: 3 }));
  onClick("location", () => ({ do: "location", latitude: 55.7512, longitude: 37.6184 }));
  byId("compose").addEventListener("submit", (event) => {
    event.preventDefault();
    const input = byId("text");
    const text = input.value.trim();
    if (!text) return;
    input.value = "";
    act(phone.editing ? { do: "edit", message_id: phone.editing, text } : { do: "text", text });
    edit(undefined);
  });
  byId("text").addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !phone.editing) return;
    byId("text").value = "";
    edit(undefined);
  });
}

function edit(message) {
  phone.editing = message?.message_id;
  byId("send").textContent = message ? "Change" : "Send";
  if (message) {
    byId("text").value = message.text;
    byId("text").focus();
  }
}

/** Shows one chat; `bot` is its entry in the snapshot, `chat` is missing until the person pressed Start. */
export function drawChat(bot, chat) {
  const open = Boolean(chat?.started && !chat.blocked && !chat.deactivated);
  byId("bot-name").textContent = bot?.name ?? "No bot";
  byId("avatar").textContent = (bot?.name ?? "?").slice(0, 1).toUpperCase();
  byId("bot-state").textContent = state(bot, chat);
  const block = byId("block");
  block.hidden = !chat?.started;
  block.dataset.do = chat?.blocked ? "unblock" : "block";
  block.textContent = chat?.blocked ? "Unblock" : "Block";
  const start = byId("start");
  start.hidden = open || !bot || !phone.person;
  start.dataset.do = chat?.blocked ? "unblock" : "start";
  start.textContent = chat?.blocked ? "Unblock" : "Start";
  byId("compose").hidden = !open;
  document.querySelector(".attach").hidden = !open;
  redraw(byId("messages"), [bot?.id, phone.person, chat?.messages ?? []], drawMessages);
  const keyboard = byId("keyboard");
  keyboard.hidden = !open || !chat.keyboard;
  redraw(keyboard, chat?.keyboard ?? null, drawKeyboard);
  announce(chat?.notices?.at(-1));
}

function state(bot, chat) {
  if (!bot) return "register one over /control/telegram/bots";
  if (chat?.deactivated) return "account deleted";
  if (chat?.blocked) return "blocked by you";
  if (chat?.typing) return "typing…";
  if (chat?.query_open) return "working on your tap…";
  return bot.webhook ? `@${bot.username}` : `@${bot.username} · no webhook yet`;
}

/** The bot's answer to a button press, once. */
function announce(notice) {
  const known = heard !== undefined;
  if (notice?.id !== heard && notice?.text && known) toast(notice.text);
  heard = notice?.id ?? null;
}

function drawMessages(list, [, , messages]) {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  let day;
  list.replaceChildren(...messages.flatMap(({ by_bot: byBot, message }) => {
    const last = day;
    day = moment(message.date * 1000, "day");
    const drawn = drawMessage(byBot, message);
    return day === last ? [drawn] : [el("li", { class: "day" }, day), drawn];
  }));
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function drawMessage(byBot, message) {
  const meta = el("span", { class: "meta" });
  if (message.edit_date) meta.append(el("span", {}, "edited"));
  if (!byBot && message.text) {
    meta.append(el("button", { type: "button", "aria-label": `Edit “${message.text}”`, click: () => edit(message) }, "edit"));
  }
  meta.append(el("time", {}, moment(message.date * 1000, "time")));
  const rows = message.reply_markup?.inline_keyboard ?? [];
  return el(
    "li",
    { class: byBot ? "bot" : "mine", "data-message": message.message_id },
    el("div", { class: "bubble" }, content(message), meta),
    ...rows.map((row) => el("div", { class: "row" }, ...row.map((button) => inlineButton(message, button)))),
  );
}

function content(message) {
  if (message.contact) return `Contact: ${message.contact.first_name}\n${message.contact.phone_number}`;
  if (message.photo) return `Photo${message.caption ? `\n${message.caption}` : ""}`;
  if (message.voice) return `Voice message, ${message.voice.duration} s`;
  if (message.location) return `Place: ${message.location.latitude}, ${message.location.longitude}`;
  return message.text ?? "";
}

function inlineButton(message, button) {
  if (button.url && /^https?:/.test(button.url)) {
    return el("a", { href: button.url, target: "_blank", rel: "noopener noreferrer" }, `${button.text} ↗`);
  }
  if (button.callback_data === undefined) return el("button", { type: "button", disabled: true }, button.text);
  const press = () => act({ do: "press", message_id: message.message_id, data: button.callback_data });
  return el("button", { type: "button", "data-callback": button.callback_data, click: press }, button.text);
}

function drawKeyboard(box, keyboard) {
  const press = (button) => {
    if (button.request_contact) return { do: "contact" };
    if (button.request_location) return { do: "location", latitude: 55.7512, longitude: 37.6184 };
    return { do: "text", text: button.text };
  };
  const draw = (button) =>
    el("button", { type: "button", "data-contact": button.request_contact, click: () => act(press(button)) }, button.text);
  box.replaceChildren(...(keyboard?.keyboard ?? []).map((row) => el("div", { class: "row" }, ...row.map(draw))));
}
