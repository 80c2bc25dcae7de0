// MAX's official client (npm @maxhub/max-bot-api) against the MAX stand-in: it calls it, reads its webhooks, and its declarations judge
// the shape of every update.
//
//   SALON_BIN_DIR=../../../target/debug npm test

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { Bot, Keyboard, MaxError } from "@maxhub/max-bot-api";
import { ANNA, BOT, OLGA, TOKEN, startSandbox } from "./sandbox.mjs";
import { agreed, complaints } from "./types.mjs";

const SECRET = "Zk3_9-aBq7Lw";
const PATIENCE_MS = 10_000;
const { inlineKeyboard, button } = Keyboard;
const QUESTION = [inlineKeyboard([[button.callback("Confirm", "v1:confirm:8f3c"), button.callback("Cancel", "v1:cancel:8f3c")],
  [button.requestContact("My number")], [button.link("Map", "https://maps.example.org/s17")]])];

let sandbox, bot, server, hook;
const updates = [], contexts = [], statuses = [];

/** Looks until `see` finds something. */
async function until(what, see) {
  const begun = Date.now();
  for (;;) {
    const seen = await see();
    if (seen) return seen;
    assert.ok(Date.now() - begun < PATIENCE_MS, what);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const received = (count) => until(`${count} updates, got ${contexts.length}`, () => contexts.length >= count && contexts.splice(0));

before(async () => {
  sandbox = await startSandbox();
  bot = new Bot(TOKEN, { clientOptions: { baseUrl: `${sandbox.url}/max/` } });
  bot.use((ctx) => { contexts.push(ctx); updates.push(ctx.update); });
  const callback = bot.webhookCallback({ domain: "hooks.example.ru", path: "/hook", secret: SECRET });
  server = createServer((request, response) => {
    response.on("finish", () => statuses.push(response.statusCode));
    callback(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  hook = `http://127.0.0.1:${server.address().port}/hook`;
  bot.botInfo = await bot.api.getMyInfo();
  assert.deepEqual(await bot.api.subscribe(hook, SECRET), { success: true });
  await sandbox.act({ do: "start", payload: "bk_8f3c2a" });
});

after(() => {
  server?.closeAllConnections();
  server?.close();
  sandbox?.stop();
});

test("the client learns who it is and where its webhooks go", async () => {
  assert.deepEqual([bot.botInfo.user_id, bot.botInfo.username, bot.botInfo.is_bot], [BOT, "id7700000000_bot", true]);
  const [subscription, ...others] = await bot.api.getSubscriptions();
  assert.deepEqual([subscription.url, subscription.updateTypes, others.length], [hook, null, 0]);
  const [started] = await received(1);
  assert.deepEqual([started.updateType, started.startPayload, started.user.user_id], ["bot_started", "bk_8f3c2a", ANNA]);
});

test("the client sends, changes, reads back and removes", async () => {
  const sent = await bot.api.sendMessageToUser(ANNA, "Confirm?", { attachments: QUESTION, disable_link_preview: true });
  assert.equal(sent.recipient.user_id, ANNA);
  const { mid } = sent.body;
  assert.deepEqual(await bot.api.editMessage(mid, { text: "Please confirm" }), { success: true });
  const message = await bot.api.getMessage(mid);
  assert.deepEqual([message.body.text, message.body.attachments[0].payload.buttons.length], ["Please confirm", 3]);
  const { messages } = await bot.api.getMessages(sent.recipient.chat_id, { count: 1 });
  assert.deepEqual(messages.map((one) => one.body.mid), [mid]);
  assert.deepEqual(await bot.api.sendAction(sent.recipient.chat_id, "typing_on"), { success: true });
  assert.deepEqual(await bot.api.deleteMessage(mid), { success: true });
  await assert.rejects(bot.api.getMessage(mid), (error) => error instanceof MaxError && error.status === 404);
});

test("the client understands what people do", async () => {
  await bot.api.sendMessageToUser(ANNA, "Confirm?", { attachments: QUESTION });
  await sandbox.act({ do: "text", text: "hello" });
  await sandbox.act({ do: "press", press: "v1:confirm:8f3c" });
  await sandbox.act({ do: "press", press: "request_contact" });
  await sandbox.act({ do: "contact", own: false });
  for (const media of ["location", "sticker", "photo", "voice"]) await sandbox.act({ do: "media", media });
  const [text, press, own, foreign, place, sticker, photo, voice] = await received(8);
  assert.deepEqual([text.message.body.text, text.user.name, text.chatId], ["hello", "Anna P.", press.chatId]);
  assert.deepEqual([press.callback.payload, press.user.user_id, press.message.sender.is_bot], ["v1:confirm:8f3c", ANNA, true]);
  assert.deepEqual(own.contactInfo, { tel: "79001234567", fullName: "Anna P." });
  assert.deepEqual(foreign.contactInfo, { tel: "79990000000", fullName: "Somebody Else" });
  assert.deepEqual(place.location, { latitude: 55.7558, longitude: 37.6173 });
  assert.equal(typeof sticker.sticker.code, "string");
  assert.deepEqual([photo, voice].map((ctx) => ctx.message.body.attachments[0].type), ["image", "audio"]);
  await press.answerOnCallback({ notification: "Done", message: { text: "Confirmed", attachments: [] } });
  assert.equal((await bot.api.getMessage(press.messageId)).body.text, "Confirmed");
  await text.reply("You said hello");
});

test("the client is told when people leave and come back", async () => {
  const { mid } = await sandbox.act({ do: "text", text: "15:00" });
  await sandbox.act({ do: "edit", message: mid, text: "16:00" });
  await sandbox.act({ do: "delete", message: mid });
  const group = { group: -70801090403050 };
  await sandbox.act({ ...group, do: "add_bot", title: "Staff" });
  await sandbox.act({ ...group, do: "join", inviter: OLGA });
  await sandbox.act({ ...group, do: "say", text: "hello all" });
  await sandbox.act({ ...group, do: "rename", title: "Masters" });
  await sandbox.act({ ...group, do: "leave" });
  await sandbox.act({ ...group, do: "remove_bot" });
  await sandbox.act({ do: "mute", hours: 8 });
  for (const action of ["unmute", "clear", "remove"]) await sandbox.act({ do: action });
  const kinds = (await received(14)).map((ctx) => ctx.updateType).sort();
  assert.deepEqual(kinds, ["bot_added", "bot_removed", "bot_stopped", "chat_title_changed", "dialog_cleared", "dialog_muted",
    "dialog_removed", "dialog_unmuted", "message_created", "message_created", "message_edited", "message_removed", "user_added",
    "user_removed"]);
  const refused = async (user) => bot.api.sendMessageToUser(user, "hello").then(() => null, (error) => [error.status, error.code]);
  assert.deepEqual(await refused(ANNA), [403, "chat.denied"]);
  assert.deepEqual(await refused(OLGA), [404, "chat.not.found"]);
});

test("the client refuses what did not come from MAX", async () => {
  statuses.length = 0;
  const { status } = await sandbox.act({ forge: { update_type: "bot_stopped" }, secret: "guess" });
  assert.deepEqual([status, statuses], [404, [404]]);
  assert.equal(contexts.length, 0);
});

test("every update is of the declared shape", () => {
  assert.ok(new Set(updates.map((update) => update.update_type)).size >= 14);
  assert.deepEqual(complaints(updates.map(agreed)), []);
  const [first] = updates.map(agreed);
  assert.equal(complaints([{ ...first, odd: 1 }, { ...first, chat_id: "7" }, { ...first, timestamp: undefined }]).length, 3);
});

test("the client removes its subscription, and breaks none of the vendor's rules", async () => {
  assert.deepEqual(await bot.api.unsubscribe(hook), { success: true });
  assert.deepEqual(await bot.api.getSubscriptions(), []);
  assert.deepEqual(await sandbox.violations(), []);
});
