// A phone: what its owner sees and does in one messenger.

import { ask, el, redraw } from "./dom.js";
import { drawBubbles, drawRows, follow } from "./bubbles.js";
import { MESSENGERS, nameOf } from "./messengers.js";

/** How long an answer to a press stands over the chat, in milliseconds. */
const TOAST = 4000;

export class Phone {
  #account = chooser("Salon", () => this.#turn());
  #person = chooser("Client", () => this.#turn());
  #name = el("strong", { dir: "auto" });
  #state = el("span", { class: "state" });
  #avatar = el("span", { class: "avatar", "aria-hidden": "true" });
  #block = el("button", { type: "button", class: "quiet", click: () => this.#act({ do: this.#block.dataset.do }) });
  #messages;
  #toast = el("div", { class: "toast", role: "status", hidden: true });
  #keyboard = el("div", { class: "keyboard", role: "group", "aria-label": "Buttons under the chat", hidden: true });
  #attach;
  #input = el("input", { name: "text", autocomplete: "off", maxlength: "4096", placeholder: "Message", "aria-label": "Message", dir: "auto" });
  #send = el("button", { type: "submit" }, "Send");
  #compose = el("form", { class: "compose", submit: (event) => this.#write(event) }, this.#input, this.#send);
  #start = el("button", { type: "button", class: "start", hidden: true, click: () => this.#act({ do: this.#start.dataset.do }) });
  #acted;
  #news;
  #editing;
  #toasting;
  /** The last of the salon's messages and the last answer to a press; undefined before the first look. */
  #last;
  #heard;

  /** `acted` is called after everything its owner did, `news` when the salon wrote something. */
  constructor(vendor, { acted, news }) {
    this.vendor = vendor;
    this.#acted = acted;
    this.#news = news;
    this.#messages = el("ol", { class: "messages", "aria-label": `Messages in ${nameOf(vendor)}`, "aria-live": "polite", tabindex: "0" });
    follow(this.#messages);
    this.#attach = this.#attachments(MESSENGERS[vendor]?.card ?? true);
    this.#input.addEventListener("keydown", (event) => { if (event.key === "Escape" && this.#editing) this.#edit(undefined); });
    this.box = el("section", { class: "phone", "data-vendor": vendor, "aria-label": nameOf(vendor) },
      el("div", { class: "brand" }, el("h3", {}, nameOf(vendor)), this.#person.box),
      el("div", { class: "bar" }, this.#avatar, el("div", { class: "title" }, this.#name, this.#account.box, this.#state), this.#block),
      this.#messages, this.#toast, this.#keyboard, this.#attach, this.#compose, this.#start);
  }

  /** Whose phone it is. */
  get owner() { return this.#person.chosen?.name; }

  /** The chat that is shown, as the control API names it; undefined as long as nobody is there. */
  get chat() {
    const [account, person] = [this.#account.chosen, this.#person.chosen];
    return account && person ? `${this.vendor}/${account.id}/${person.id}` : undefined;
  }

  /** Draws a messenger of the snapshot. True if another chat is shown from now on. */
  draw({ accounts, people, chat }) {
    const before = this.chat;
    this.#account.draw(accounts);
    this.#person.draw(people);
    const bubbles = chat?.bubbles ?? [];
    const keyboard = chat?.keyboard ?? [];
    const open = bubbles.length > 0 && !chat.blocked;
    const typing = Boolean(open && chat.typing);
    this.#head(bubbles.length > 0, chat);
    this.#attach.hidden = this.#compose.hidden = !open;
    this.#keyboard.hidden = !open || !keyboard.length;
    const act = (action) => this.#act(action);
    redraw(this.#messages, [this.chat, bubbles, typing], () => {
      drawBubbles(this.#messages, bubbles, { owner: this.owner ?? "A client", typing, act, edit: (bubble) => this.#edit(bubble) });
    });
    redraw(this.#keyboard, [this.chat, keyboard], (box) => box.replaceChildren(...drawRows(undefined, keyboard, act)));
    if (chat) this.#listen(bubbles.findLast((bubble) => bubble.author !== "person")?.id ?? null, chat.notice);
    return this.chat !== before;
  }

  /** Who is written to, and what can be done about it. */
  #head(begun, chat) {
    const salon = this.#account.chosen;
    const blocked = begun && chat.blocked;
    this.#name.textContent = salon?.name ?? "No salon here yet";
    this.#avatar.textContent = initial(salon?.name);
    this.#state.textContent = !salon ? "" : blocked ? "blocked by you" : chat?.typing ? "typing…" : "online";
    this.#block.hidden = !begun;
    this.#block.dataset.do = blocked ? "unblock" : "block";
    this.#block.textContent = blocked ? "Unblock" : "Block";
    this.#start.hidden = !this.chat || (begun && !blocked);
    this.#start.dataset.do = begun ? "unblock" : "open";
    this.#start.textContent = begun ? "Unblock the salon" : "Start";
  }

  /** Tells of what is new, but not of what was there at the first look. */
  #listen(last, notice) {
    if (this.#last !== undefined && last !== this.#last) this.#news();
    this.#last = last;
    const heard = notice ? `${notice.at} ${notice.text}` : null;
    if (this.#heard !== undefined && notice && heard !== this.#heard) this.#say(notice.text);
    this.#heard = heard;
  }

  /** Another chat is shown: nothing in it is news. */
  #turn() {
    this.#last = this.#heard = undefined;
    this.#acted();
  }

  async #act(action) {
    try {
      await ask("POST", `/messengers/${this.chat}`, action);
    } catch (error) {
      this.#say(error.message);
    }
    this.#acted();
  }

  #say(text) {
    this.#toast.textContent = text;
    this.#toast.hidden = false;
    clearTimeout(this.#toasting);
    this.#toasting = setTimeout(() => { this.#toast.hidden = true; }, TOAST);
  }

  #write(event) {
    event.preventDefault();
    const text = this.#input.value.trim();
    if (!text) return;
    this.#act(this.#editing ? { do: "edit", message: this.#editing, text } : { do: "text", text });
    this.#edit(undefined);
  }

  /** From now on the text field changes this message; none: it writes a new one. */
  #edit(bubble) {
    this.#editing = bubble?.id;
    this.#send.textContent = bubble ? "Change" : "Send";
    this.#input.value = bubble?.text ?? "";
    if (bubble) this.#input.focus();
  }

  #attachments(card) {
    const offer = (name, action, title) => el("button", { type: "button", class: "quiet", title, click: () => this.#act(action) }, name);
    const more = el("details", { class: "more" }, el("summary", {}, "More"), el("div", { class: "menu" },
      offer("Voice", { do: "media", media: "voice" }),
      offer("Place", { do: "media", media: "location" }),
      offer("Sticker", { do: "media", media: "sticker" }),
      card && offer("Somebody else’s number", { do: "contact", own: false })));
    more.addEventListener("click", ({ target }) => { if (target.closest("button")) more.open = false; });
    return el("div", { class: "attach", role: "group", "aria-label": "Send something else" },
      card && offer("My number", { do: "contact", own: true }, "Share my number"),
      offer("Photo", { do: "media", media: "photo" }, "Send a photo"), more);
  }
}

/** A choice where there is one, and a word where there is none. */
function chooser(title, changed) {
  const select = el("select", { "aria-label": title, dir: "auto", change: changed, hidden: true });
  const alone = el("span", { dir: "auto" });
  let options = [];
  return {
    box: el("span", { class: title.toLowerCase() }, select, alone),
    get chosen() { return options.find((one) => one.id === select.value); },
    draw(all) {
      redraw(select, all, () => {
        const before = select.value;
        options = all;
        select.replaceChildren(...all.map((one) => el("option", { value: one.id }, one.name)));
        if (all.some((one) => one.id === before)) select.value = before;
        select.hidden = all.length < 2;
        alone.textContent = all.length === 1 ? all[0].name : "";
      });
    },
  };
}

/** The letter on the salon's picture: of its own name, not of the word for a salon. */
function initial(name) {
  const own = (name ?? "").replace(/^(Салон|Salon)\s+/u, "").replaceAll(/[«»"“”]/gu, "");
  return [...own][0]?.toUpperCase() ?? "?";
}
