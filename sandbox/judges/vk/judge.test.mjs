// vk-io, which VK's own users write bots with, against the VK stand-in: it registers itself as a callback server, reads every event
// by its own types, and writes calls and keyboards by its own rules.
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer } from "node:http";
import { after, before, test } from "node:test";
import { APIError, Keyboard, VK } from "vk-io";
import { eventually, startSandbox } from "./sandbox.mjs";

const GROUP = 123456 + Math.floor(Math.random() * 1_000_000) * 1000;
const [ANNA, OLGA] = [GROUP + 1, GROUP + 2];
const SECRET = "s3cr3t-per-tenant";
const FLAGS = ["message_new", "message_event", "message_allow", "message_deny", "message_edit", "message_reply", "group_join",
  "group_leave", "user_block", "user_unblock"];

let sandbox, server, vk;
const contexts = [];
const handled = [];

before(async () => {
  sandbox = await startSandbox();
  await sandbox.seed("vk", {
    groups: [{ id: GROUP, name: "Salon 42", screen_name: "salon42", token: `vk1.a.${GROUP}` }],
    people: [{ id: ANNA, first_name: "Anna", last_name: "Petrova" },
      { id: OLGA, first_name: "Olga", client: { button_actions: ["text", "open_link"] } }],
  });
  const code = await new VK(options()).api.groups.getCallbackConfirmationCode({ group_id: GROUP });
  vk = new VK({ ...options(), webhookSecret: SECRET, webhookConfirmation: code.code });
  vk.updates.use(async (context, next) => {
    contexts.push(context);
    try { await next(); } catch (error) { handled.push(error); }
  });
  // A context of vk-io's answers the press by itself.
  vk.updates.on("message_event", (context) => context.answer({ type: "show_snackbar", text: `Got ${context.eventPayload.t}` }));
  server = createServer(vk.updates.getWebhookCallback("/vk"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${server.address().port}/vk`;
  const { server_id } = await vk.api.groups.addCallbackServer({ group_id: GROUP, url, title: "judge", secret_key: SECRET });
  await eventually("the confirmation", async () => {
    const { items } = await vk.api.groups.getCallbackServers({ group_id: GROUP });
    return items[0].status === "ok";
  });
  const flags = Object.fromEntries(FLAGS.map((flag) => [flag, 1]));
  await vk.api.groups.setCallbackSettings({ group_id: GROUP, server_id, api_version: "5.199", ...flags });
});

after(async () => {
  server?.closeAllConnections();
  server?.close();
  await sandbox?.stop();
});

function options() {
  return { token: `vk1.a.${GROUP}`, apiBaseUrl: `${sandbox.url}/vk/method`, agent: new Agent(), apiLimit: 20, apiRetryLimit: 0 };
}

const staff = (action, more = {}) => sandbox.act("vk", { do: action, group: GROUP, person: ANNA, ...more });
const person = (act, who = ANNA) => staff("person", { person: who, act });

/** The next event of a kind that fits, read by vk-io. */
async function read(kind, fits = () => true) {
  const found = () => contexts.findIndex((context) => context.is([kind]) && fits(context));
  await eventually(`${kind} among ${contexts.map((context) => `${context.type}/${context.subTypes}`)}`, () => found() >= 0);
  return contexts.splice(found(), 1)[0];
}

test("messages of every kind are read", async () => {
  await person({ do: "open", payload: "bk_8f3c2a" });
  const start = await read("message_new");
  assert.deepEqual(start.messagePayload, { command: "start" });
  assert.deepEqual([start.senderId, start.peerId, start.isDM, start.isInbox, start.$groupId], [ANNA, ANNA, true, true, GROUP]);
  assert.deepEqual([start.referralValue, start.referralSource], ["bk_8f3c2a", "site"]);
  assert.ok(start.clientInfo.button_actions.includes("callback") && start.createdAt > 1_700_000_000);

  await person({ do: "text", text: "Здравствуйте" });
  assert.equal((await read("message_new")).text, "Здравствуйте");
  for (const [media, kind] of [["photo", "photo"], ["voice", "audio_message"], ["sticker", "sticker"]]) {
    await person({ do: "media", media, caption: "вот" });
    const context = await read("message_new");
    assert.ok(context.hasAttachments(kind), kind);
    assert.equal(context.text, "вот");
  }
  await person({ do: "media", media: "location" });
  assert.equal((await read("message_new")).geo.coordinates.latitude, 55.7558);
});

test("an edited message is read", async () => {
  await person({ do: "text", text: "Хочу на 12:00" });
  const { id } = await read("message_new");
  await person({ do: "edit", message: String(id), text: "Хочу на 13:00" });
  const edited = await read("message_edit");
  assert.deepEqual([edited.id, edited.text, edited.isInbox, typeof edited.updatedAt], [id, "Хочу на 13:00", true, "number"]);
});

test("keyboards by vk-io's builder are taken, and their buttons pressed", async () => {
  const keyboard = Keyboard.builder().inline()
    .callbackButton({ label: "Приду", payload: { t: "yes" }, color: Keyboard.POSITIVE_COLOR })
    .callbackButton({ label: "Отменить", payload: { t: "no" }, color: Keyboard.NEGATIVE_COLOR })
    .row().urlButton({ label: "Карта", url: "https://maps.example.org/s17" });
  const [sent] = await vk.api.messages.send({ peer_ids: [ANNA], random_id: 1, message: "Придёте?", keyboard, dont_parse_links: true });
  const echo = await read("message_reply");
  assert.deepEqual([echo.id, echo.isOutbox, echo.senderId, echo.adminAuthorId], [sent.message_id, true, -GROUP, undefined]);
  assert.equal(sent.conversation_message_id, echo.conversationMessageId);

  await person({ do: "press", message: String(sent.message_id), press: JSON.stringify({ t: "yes" }) });
  const press = await read("message_event");
  assert.deepEqual([press.eventPayload, press.userId, press.conversationMessageId], [{ t: "yes" }, ANNA, sent.conversation_message_id]);
  await eventually("vk-io's answer to the press", async () => {
    const { groups } = await sandbox.seed("vk", {});
    const dialog = groups.find(({ id }) => id === GROUP).dialogs.find(({ id }) => id === ANNA);
    return dialog.notices.some(({ show }) => show.text === "Got yes");
  });
  assert.deepEqual(handled, []);
  assert.equal(await vk.api.messages.edit({ peer_id: ANNA, message_id: sent.message_id, message: "Ждём вас" }), 1);
  assert.equal((await read("message_edit")).isOutbox, true);

  const under = Keyboard.builder().textButton({ label: "10:00", payload: { t: "10" }, color: Keyboard.SECONDARY_COLOR }).oneTime();
  await vk.api.messages.send({ peer_ids: [ANNA], random_id: 2, message: "Во сколько?", keyboard: under });
  await person({ do: "press", press: JSON.stringify({ t: "10" }) });
  const reply = await read("message_new");
  assert.deepEqual([reply.text, reply.messagePayload], ["10:00", { t: "10" }]);
  await read("message_reply", (context) => context.text === "Во сколько?");
});

test("an app without callback buttons sends the payload inside", async () => {
  await person({ do: "text", text: "hi" }, OLGA);
  await read("message_new");
  const keyboard = Keyboard.builder().inline().callbackButton({ label: "Приду", payload: { t: "yes" } });
  const [sent] = await vk.api.messages.send({ peer_ids: [OLGA], random_id: 3, message: "Придёте?", keyboard });
  await person({ do: "press", message: String(sent.message_id), press: JSON.stringify({ t: "yes" }) }, OLGA);
  const { messagePayload } = await read("message_new");
  assert.deepEqual([messagePayload.command, JSON.parse(messagePayload.payload)], ["not_supported_button", { t: "yes" }]);
  await read("message_reply");
});

test("permissions, members, the blacklist and operators are read", async () => {
  await person({ do: "block" });
  const denied = await read("message_deny");
  assert.deepEqual([denied.userId, denied.isUnsubscribed], [ANNA, true]);
  await assert.rejects(vk.api.messages.send({ peer_id: ANNA, random_id: 4, message: "hi" }),
    (error) => error instanceof APIError && error.code === 901);
  const [refused] = await vk.api.messages.send({ peer_ids: [ANNA], random_id: 4, message: "hi" });
  assert.equal(refused.error.code, 901);
  await staff("allow", { key: "bk_8f3c2a" });
  const allowed = await read("message_allow");
  assert.deepEqual([allowed.userId, allowed.isSubscribed, allowed.key], [ANNA, true, "bk_8f3c2a"]);
  assert.equal((await vk.api.messages.isMessagesFromGroupAllowed({ group_id: GROUP, user_id: ANNA })).is_allowed, 1);

  await staff("join");
  assert.deepEqual([(await read("group_join")).joinType], ["join"]);
  await staff("leave");
  assert.equal((await read("group_leave")).isSelfLeave, true);
  await staff("reply", { text: "Это Мария", admin: 42 });
  const reply = await read("message_reply");
  assert.deepEqual([reply.text, reply.adminAuthorId, reply.isOutbox], ["Это Мария", 42, true]);
  await staff("ban");
  const banned = await read("user_block");
  assert.deepEqual([banned.userId, banned.isBlocked, banned.adminId], [ANNA, true, 42]);
  await staff("unban");
  assert.equal((await read("user_unblock")).isUnblocked, true);
});

test("a community's own data is read", async () => {
  const { groups } = await vk.api.groups.getById({});
  assert.deepEqual([groups[0].id, groups[0].name], [GROUP, "Salon 42"]);
  const { permissions } = await vk.api.groups.getTokenPermissions({});
  assert.deepEqual(permissions.map(({ name }) => name), ["messages", "manage"]);
  const [anna] = await vk.api.users.get({ user_ids: [ANNA] });
  assert.deepEqual([anna.first_name, anna.last_name], ["Anna", "Petrova"]);
});

test("nothing that vk-io wrote breaks VK's rules as the stand-in has them", async () => {
  assert.deepEqual(await sandbox.violations("vk"), []);
  assert.deepEqual(contexts.map((context) => context.type), [], "every event was looked at");
});
