// The messages of a chat, and the buttons on them and under them.

import { el, moment } from "./dom.js";

const TICKS = { sent: "✓", delivered: "✓✓", read: "✓✓" };

/** What a message can be beside text: how it looks, and what to call it. */
const LOOKS = {
  photo: ["photo", "Photo"],
  voice: ["voice", "Voice message"],
  audio_message: ["voice", "Voice message"],
  location: ["place", "Place"],
  place: ["place", "Place"],
  contact: ["card", "Contact card"],
  "own number": ["card", "Own number"],
  file: ["card", "File"],
  sticker: ["sticker", "Sticker"],
  deleted: ["gone", "Message deleted"],
};

/** Draws a chat into `list`; `act` does what a press does, `edit` begins to change an own message. */
export function drawBubbles(list, bubbles, { owner, typing, act, edit }) {
  const drawn = [];
  let day;
  for (const bubble of bubbles) {
    const today = moment(bubble.at, "day");
    if (today !== day) drawn.push(el("li", { class: "day" }, today));
    day = today;
    drawn.push(drawBubble(bubble, act, edit));
  }
  if (!drawn.length) drawn.push(el("li", { class: "hint", dir: "auto" }, `${owner}’s phone. Press Start and write to the salon.`));
  if (typing) drawn.push(el("li", { class: "salon dots", "aria-label": "The salon is typing" }, el("i"), el("i"), el("i")));
  list.replaceChildren(...drawn);
}

/** Keeps the end of a list in sight, through new messages and other sizes, until its reader scrolls away from there. */
export function follow(list) {
  let following = true;
  const catchUp = () => { if (following) list.scrollTop = list.scrollHeight; };
  list.addEventListener("scroll", () => { following = list.scrollHeight - list.scrollTop - list.clientHeight < 40; });
  new ResizeObserver(catchUp).observe(list);
  new MutationObserver(catchUp).observe(list, { childList: true });
}

function drawBubble(bubble, act, edit) {
  const mine = bubble.author === "person";
  const list = bubble.note?.startsWith("list:") ? bubble.note.slice("list:".length).trim() : undefined;
  return el("li", { class: mine ? "mine" : "salon", "data-message": bubble.id },
    el("div", { class: "bubble" },
      drawNote(bubble.note),
      bubble.text && el("span", { class: "text", dir: "auto" }, bubble.text),
      drawMeta(bubble, mine, edit)),
    bubble.buttons.length > 0 && el("div", { class: `buttons${list === undefined ? "" : " list"}` },
      list && el("div", { class: "list-title", dir: "auto" }, list),
      ...drawRows(bubble.id, bubble.buttons, act)));
}

function drawMeta(bubble, mine, edit) {
  const can = mine && bubble.text && bubble.note !== "deleted";
  return el("span", { class: "meta" },
    bubble.author === "operator" && el("span", { class: "operator" }, "operator"),
    bubble.note === "edited" && el("span", {}, "edited"),
    can && el("button", { type: "button", "aria-label": `Edit “${bubble.text}”`, click: () => edit(bubble) }, "edit"),
    el("time", { datetime: bubble.at }, moment(bubble.at, "time")),
    bubble.state && el("span", { class: `ticks ${bubble.state}`, role: "img", title: bubble.state, "aria-label": bubble.state }, TICKS[bubble.state]));
}

function drawNote(note) {
  if (!note || note === "edited" || note.startsWith("list:")) return undefined;
  const [look, name] = LOOKS[note] ?? ["tag", note];
  return el("span", { class: `look ${look}` }, name);
}

/** Rows of buttons; `message` is the one they are on, undefined for those under the chat. */
export function drawRows(message, rows, act) {
  return rows.map((row) => el("div", { class: "row" }, ...row.map((button) => drawButton(message, button, act))));
}

function drawButton(message, { label, press, kind }, act) {
  if (kind !== "link") {
    return el("button", { type: "button", class: kind, dir: "auto", click: () => act({ do: "press", message, press }) }, label);
  }
  if (!/^https?:/.test(press)) return el("button", { type: "button", dir: "auto", disabled: true }, label);
  return el("a", { href: press, target: "_blank", rel: "noopener noreferrer", dir: "auto" }, `${label} ↗`);
}
