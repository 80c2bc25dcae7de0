// A product of a few lines that is a salon on every messenger: enough for the page to have something to show.

import { createServer } from "node:http";
import { once } from "node:events";

const OFFER = [[{ label: "Confirm", press: "ok" }, { label: "Cancel", press: "no" }], [{ label: "Map", link: "https://maps.example.org/s17" }]];
const TIMES = [{ label: "10:00", press: "t10" }, { label: "11:30", press: "t11" }, { label: "сейсенбі, 1 желтоқсан", press: "t12" }];
export const SHARE = "Share my number";

/** A salon's answers, the same everywhere. */
async function answer(salon, said) {
  const { chat, text, pressed, phone } = said;
  if (pressed) {
    await salon.seen?.(said, `Got ${pressed}`);
    await salon.say(chat, `Chosen: ${pressed}`);
  } else if (phone) {
    await salon.say(chat, `Thank you, ${phone}`);
  } else if (text === "number") {
    await salon.ask(chat, "Your number?", SHARE);
  } else if (text === "wait") {
    await salon.type(chat, said);
  } else if (text === "times") {
    await salon.choose(chat, "Choose a time", "Times", TIMES);
  } else if (text === "forbidden") {
    await salon.offend(chat);
  } else if (text) {
    await salon.say(chat, `You said: ${text}`, OFFER);
  }
}

/** Registers a webhook with one messenger's stand-in and answers what comes there. */
export async function startProduct(salon) {
  const product = { heard: [], forged: 0, trouble: [] };
  const server = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const raw = Buffer.concat(chunks);
      if (request.method === "GET") { response.end(salon.handshake(new URL(request.url, "http://x").searchParams)); return; }
      const body = JSON.parse(raw);
      const genuine = salon.genuine({ headers: request.headers, body, raw });
      response.writeHead(genuine ? 200 : 401).end(genuine ? salon.reply?.(body) : "");
      if (!genuine) { product.forged += 1; return; }
      product.heard.push(body);
      for (const said of salon.read(body)) answer(salon, said).catch((error) => { product.trouble.push(String(error)); });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  await salon.register(`http://127.0.0.1:${server.address().port}/`);
  product.stop = () => { server.closeAllConnections(); server.close(); };
  return product;
}
