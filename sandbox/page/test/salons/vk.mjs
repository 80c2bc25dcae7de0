// A salon's community at VK, in as few calls as will do. VK has no contact cards: a number is typed.

const GROUP = 123456;
const TOKEN = "vk1.a.page-test";
const SECRET = "page-test-secret";

export const account = String(GROUP);
export const person = "700300200";
export const phone = "79003234567";
/** How a number gets to the salon, and what there is beside texts and buttons. */
export const number = "typed";
export const does = ["notice", "link", "edit"];
export const seed = {
  groups: [{ id: GROUP, name: "Salon on Tverskaya", screen_name: "salon42", token: TOKEN }],
  people: [{ id: Number(person), first_name: "Xenia", last_name: "R" }],
};

export function salon(url) {
  let code;
  const call = async (method, parameters) => {
    const response = await fetch(`${url}/vk/method/${method}`, {
      method: "POST", headers: { authorization: `Bearer ${TOKEN}` }, body: new URLSearchParams({ v: "5.199", ...parameters }),
    });
    return response.json();
  };
  const button = ({ label, press, link }) =>
    ({ action: link ? { type: "open_link", label, link } : { type: "callback", label, payload: JSON.stringify({ press }) } });
  const send = (chat, text, more) => call("messages.send", { peer_id: chat, message: text, random_id: Math.floor(Math.random() * 2 ** 31), ...more });
  return {
    async register(hook) {
      const group = { group_id: GROUP };
      code = (await call("groups.getCallbackConfirmationCode", group)).response.code;
      const { response } = await call("groups.addCallbackServer", { ...group, url: hook, title: "page", secret_key: SECRET });
      const flags = { message_new: 1, message_event: 1, message_deny: 1, message_edit: 1 };
      await call("groups.setCallbackSettings", { ...group, server_id: response.server_id, api_version: "5.199", ...flags });
    },
    genuine: ({ body }) => body.type === "confirmation" || body.secret === SECRET,
    reply: ({ type }) => (type === "confirmation" ? code : "ok"),
    read({ type, object }) {
      if (type === "message_event") return [{ chat: object.peer_id, pressed: object.payload.press, press: object }];
      if (type !== "message_new") return [];
      const { peer_id: chat, text } = object.message;
      return [{ chat, text, phone: /^\+?\d{11}$/.exec(text)?.[0].replace("+", "") }];
    },
    say: (chat, text, rows) =>
      send(chat, text, rows && { keyboard: JSON.stringify({ inline: true, buttons: rows.map((row) => row.map(button)) }) }),
    ask: (chat, text) => send(chat, text),
    seen: ({ press: { event_id, user_id, peer_id } }, text) =>
      call("messages.sendMessageEventAnswer", { event_id, user_id, peer_id, event_data: JSON.stringify({ type: "show_snackbar", text }) }),
  };
}
