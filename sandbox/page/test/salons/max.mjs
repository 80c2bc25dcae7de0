// A salon's bot at MAX, in as few calls as will do.

const BOT = 229229229;
const TOKEN = "max-page-test";
const SECRET = "page-test-secret";

export const account = String(BOT);
export const person = "700200200";
export const phone = "79002234567";
/** How a number gets to the salon, and what there is beside texts and buttons. */
export const number = "button";
export const does = ["notice", "link", "typing", "edit"];
export const seed = {
  bots: [{ id: BOT, token: TOKEN, name: "Salon on Tverskaya", username: "id7700000000_bot" }],
  people: [{ id: Number(person), first_name: "Vera", last_name: "M", locale: "ru", phone }],
};

export function salon(url) {
  const call = async (method, path, body) => {
    const response = await fetch(`${url}/max${path}`, {
      method, headers: { "content-type": "application/json", authorization: TOKEN }, body: JSON.stringify(body),
    });
    return response.status;
  };
  const button = ({ label, press, link }) => (link ? { type: "link", text: label, url: link } : { type: "callback", text: label, payload: press });
  const keyboard = (buttons) => [{ type: "inline_keyboard", payload: { buttons } }];
  return {
    register: (hook) => call("POST", "/subscriptions", { url: hook, secret: SECRET }),
    genuine: ({ headers }) => headers["x-max-bot-api-secret"] === SECRET,
    read({ update_type: kind, chat_id: chat, message, callback }) {
      if (kind === "bot_started") return [{ chat, text: "start" }];
      if (kind === "message_callback") return [{ chat: message.recipient.chat_id, pressed: callback.payload, press: callback.callback_id }];
      if (kind !== "message_created") return [];
      const card = message.body.attachments?.find(({ type }) => type === "contact");
      return [{ chat: message.recipient.chat_id, text: message.body.text, phone: /TEL[^:]*:(\d+)/.exec(card?.payload.vcf_info)?.[1] }];
    },
    say: (chat, text, rows) =>
      call("POST", `/messages?chat_id=${chat}`, { text, attachments: rows && keyboard(rows.map((row) => row.map(button))) }),
    ask: (chat, text, label) =>
      call("POST", `/messages?chat_id=${chat}`, { text, attachments: keyboard([[{ type: "request_contact", text: label }]]) }),
    seen: ({ press }, text) => call("POST", `/answers?callback_id=${press}`, { notification: text }),
    type: (chat) => call("POST", `/chats/${chat}/actions`, { action: "typing_on" }),
  };
}
