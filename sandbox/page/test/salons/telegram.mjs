// A salon's bot at Telegram, in as few calls as will do.

const BOT = 6100000900;
const TOKEN = `${BOT}:page-test`;
const SECRET = "page-test-secret";

export const account = String(BOT);
export const person = "700100200";
export const phone = "79001234567";
/** How a number gets to the salon, and what there is beside texts and buttons. */
export const number = "button";
export const does = ["notice", "link", "typing", "edit", "once"];
export const seed = {
  bots: [{ token: TOKEN, name: "Salon on Tverskaya", username: "salon_demo_bot" }],
  people: [
    { id: Number(person), first_name: "Anna", last_name: "K", language_code: "ru", phone },
    { id: 700100300, first_name: "Әсемгүл-Ұлбосын", last_name: "Нұрғалиқызы-Қосмұхаметова", language_code: "kk" },
  ],
};

export function salon(url) {
  const call = async (method, parameters) => {
    const response = await fetch(`${url}/telegram/bot${TOKEN}/${method}`, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(parameters),
    });
    return response.status;
  };
  const button = ({ label, press, link }) => (link ? { text: label, url: link } : { text: label, callback_data: press });
  return {
    register: (hook) => call("setWebhook", { url: hook, secret_token: SECRET }),
    genuine: ({ headers }) => headers["x-telegram-bot-api-secret-token"] === SECRET,
    read({ message, callback_query: query }) {
      if (query) return [{ chat: query.message.chat.id, pressed: query.data, press: query.id }];
      if (!message) return [];
      return [{ chat: message.chat.id, text: message.text, phone: message.contact?.phone_number }];
    },
    say: (chat, text, rows) =>
      call("sendMessage", { chat_id: chat, text, reply_markup: rows && { inline_keyboard: rows.map((row) => row.map(button)) } }),
    ask: (chat, text, label) =>
      call("sendMessage", { chat_id: chat, text, reply_markup: { keyboard: [[{ text: label, request_contact: true }]], one_time_keyboard: true } }),
    seen: ({ press }, text) => call("answerCallbackQuery", { callback_query_id: press, text }),
    type: (chat) => call("sendChatAction", { chat_id: chat, action: "typing" }),
    offend: (chat) =>
      call("sendMessage", { chat_id: chat, text: "Never shown", reply_markup: { inline_keyboard: [[{ text: "Long", callback_data: "x".repeat(65) }]] } }),
  };
}
