// A salon's number at WhatsApp, in as few calls as will do. Three buttons at most, and a list where there is more to choose from.

import { graph, handshake, signedBy, VERIFY_TOKEN } from "./meta.mjs";

const WABA = "102290129340398";
const TOKEN = "EAAG-page-test";
const SECRET = "page-test-app-secret";

export const account = "106540352242922";
export const person = "79004234567";
export const phone = person;
export const ticks = true;
/** How a number gets to the salon, and what there is beside texts and buttons. */
export const number = "card";
export const does = ["typing", "list", "edit"];
export const seed = {
  apps: [{ id: "670843887433847", name: "salon-core", secret: SECRET }],
  accounts: [{ id: WABA, name: "Salon 42", app: "670843887433847", token: TOKEN,
    numbers: [{ id: account, display_phone_number: "+7 495 123-45-67", verified_name: "Salon on Tverskaya" }] }],
  people: [{ wa_id: person, name: "Dina S" }],
};

export function salon(url) {
  const call = graph(`${url}/whatsapp`, TOKEN);
  const send = (to, content) => call(`${account}/messages`, { messaging_product: "whatsapp", recipient_type: "individual", to, ...content });
  const interactive = (text, action, type) => ({ type: "interactive", interactive: { type, body: { text }, action } });
  return {
    async register(hook) {
      await call(`${WABA}/subscribed_apps`, {});
      await call(`${WABA}/subscribed_apps`, { override_callback_uri: hook, verify_token: VERIFY_TOKEN });
    },
    handshake,
    genuine: signedBy(SECRET),
    read: ({ entry }) => entry.flatMap(({ changes }) => changes).flatMap(({ value }) => value.messages ?? []).map((message) => {
      const pressed = message.interactive?.button_reply?.id ?? message.interactive?.list_reply?.id;
      const card = message.contacts?.[0].phones[0].wa_id;
      return { chat: message.from, text: message.text?.body, pressed, phone: card, press: message.id };
    }),
    say(to, text, rows) {
      if (!rows) return send(to, { type: "text", text: { body: text } });
      const buttons = rows.flat().filter(({ press }) => press).map(({ label, press }) => ({ type: "reply", reply: { id: press, title: label } }));
      return send(to, interactive(text, { buttons }, "button"));
    },
    ask: (to, text) => send(to, { type: "text", text: { body: text } }),
    type: (_, { press }) =>
      call(`${account}/messages`, { messaging_product: "whatsapp", status: "read", message_id: press, typing_indicator: { type: "text" } }),
    choose: (to, text, title, choices) =>
      send(to, interactive(text, { button: title, sections: [{ title, rows: choices.map(({ label, press }) => ({ id: press, title: label })) }] }, "list")),
  };
}
