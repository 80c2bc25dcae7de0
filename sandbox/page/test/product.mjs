// A product of thirty lines: enough of a salon for the page to have something to show.

import { createServer } from "node:http";
import { once } from "node:events";

const OFFER = { inline_keyboard: [[{ text: "Confirm", callback_data: "ok" }, { text: "Cancel", callback_data: "no" }],
  [{ text: "Map", url: "https://maps.example.org/s17" }]] };
const ASK = { keyboard: [[{ text: "Share my number", request_contact: true }]], one_time_keyboard: true, resize_keyboard: true };

export async function startProduct(sandbox, token, secret) {
  const product = { updates: [], forged: 0, outcomes: [] };
  const call = async (method, parameters) => {
    const response = await fetch(`${sandbox}/telegram/bot${token}/${method}`, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(parameters),
    });
    product.outcomes.push({ method, status: response.status });
    return response.json();
  };
  const answer = async ({ message, callback_query: query }) => {
    if (query) {
      await call("answerCallbackQuery", { callback_query_id: query.id, text: `Got ${query.data}` });
      const { chat, message_id } = query.message;
      await call("editMessageText", { chat_id: chat.id, message_id, text: `Chosen: ${query.data}` });
    } else if (message?.contact) {
      await call("sendMessage", { chat_id: message.chat.id, text: `Thank you, ${message.contact.phone_number}` });
    } else if (message?.text === "number") {
      await call("sendMessage", { chat_id: message.chat.id, text: "Your number?", reply_markup: ASK });
    } else if (message?.text === "forbidden") {
      const reply_markup = { inline_keyboard: [[{ text: "Long", callback_data: "x".repeat(65) }]] };
      await call("sendMessage", { chat_id: message.chat.id, text: "Never shown", reply_markup });
    } else if (message?.text) {
      await call("sendMessage", { chat_id: message.chat.id, text: `You said: ${message.text}`, reply_markup: OFFER });
    }
  };
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const genuine = request.headers["x-telegram-bot-api-secret-token"] === secret;
      response.writeHead(genuine ? 200 : 401).end();
      if (!genuine) { product.forged += 1; return; }
      const update = JSON.parse(Buffer.concat(chunks));
      product.updates.push(update);
      answer(update).catch((error) => { product.outcomes.push({ error: String(error) }); });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const hook = { url: `http://127.0.0.1:${server.address().port}/`, secret_token: secret };
  const set = await call("setWebhook", hook);
  if (!set.ok) throw new Error(`setWebhook: ${JSON.stringify(set)}`);
  product.stop = () => { server.closeAllConnections(); server.close(); };
  return product;
}
