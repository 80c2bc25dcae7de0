// A salon's account at Instagram, in as few calls as will do. Buttons are quick replies, and one of them is the number of the profile.

import { graph, handshake, signedBy, VERIFY_TOKEN } from "./meta.mjs";

const APP = "670843887433848";
const TOKEN = "IGAA-page-test";
const SECRET = "page-test-instagram-secret";

export const account = "17841400000000001";
export const person = "lisa.n";
export const phone = "79005234567";
export const ticks = true;
/** How a number gets to the salon, and what there is beside texts and buttons. */
export const number = "button";
export const does = ["typing", "edit"];
export const seed = {
  apps: [{ id: APP, name: "salon-core", secret: "page-test-app-secret", instagram_secret: SECRET }],
  accounts: [{ id: account, username: "salon42", name: "Salon on Tverskaya", app: APP, token: TOKEN, token_age_days: 3 }],
  people: [{ username: person, name: "Lisa N", phone: `+${phone}` }],
};

export function salon(url, control) {
  const call = graph(`${url}/instagram`, TOKEN);
  const send = (id, message) => call("me/messages", { recipient: { id }, message });
  return {
    async register(hook) {
      await control("POST", "/vendors/instagram/act", { do: "set_callback", app: APP, callback: { url: hook, verify_token: VERIFY_TOKEN } });
      await call("me/subscribed_apps?subscribed_fields=messages,messaging_postbacks,messaging_seen", {});
    },
    handshake,
    genuine: signedBy(SECRET),
    read: ({ entry }) => entry.flatMap(({ messaging }) => messaging ?? []).filter(({ message }) => message && !message.is_echo)
      .map(({ sender, message }) => {
        const payload = message.quick_reply?.payload;
        const shared = /^\+(\d+)$/.exec(payload ?? "")?.[1];
        return { chat: sender.id, text: message.text, phone: shared, pressed: shared ? undefined : payload };
      }),
    say(id, text, rows) {
      const replies = rows?.flat().filter(({ press }) => press).map(({ label, press }) => ({ content_type: "text", title: label, payload: press }));
      return send(id, { text, quick_replies: replies });
    },
    ask: (id, text) => send(id, { text, quick_replies: [{ content_type: "user_phone_number" }] }),
    type: (id) => call("me/messages", { recipient: { id }, sender_action: "typing_on" }),
  };
}
