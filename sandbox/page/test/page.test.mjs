// The chat page in a real browser, with a small product behind the stand-ins.
//
//   SANDBOX_URL=http://127.0.0.1:PORT npm test    against a running sandbox that holds no data yet
//   SALON_BIN_DIR=target/debug npm test           starts $SALON_BIN_DIR/salon-sandbox itself
//
// CHROME_PATH names the browser (default: /usr/bin/chromium), SCREENSHOT a file for a picture of the page.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { startProduct } from "./product.mjs";

const BOT = 6100000900 + Math.floor(Math.random() * 1_000_000) * 1000;
const ANNA = 700100200;
const TOKEN = `${BOT}:page-test`;
const PATIENCE_MS = 10_000;
const BROWSER_ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];

async function startSandbox() {
  if (process.env.SANDBOX_URL) return { url: process.env.SANDBOX_URL.replace(/\/$/, ""), stop: () => {} };
  const binary = `${process.env.SALON_BIN_DIR ?? "../../../target/debug"}/salon-sandbox`;
  const child = spawn(binary, ["serve", "--addr", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "inherit"] });
  const failed = once(child, "exit").then(([code]) => { throw new Error(`${binary} ended with ${code}`); });
  const listening = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      const [, url] = /listening on (http:\S+)/.exec(line) ?? [];
      if (url) return url;
    }
    throw new Error("the sandbox printed no address");
  })();
  failed.catch(() => {});
  return { url: await Promise.race([listening, failed]), stop: () => child.kill() };
}

async function control(sandbox, method, path, body) {
  const response = await fetch(`${sandbox.url}/control${path}`, {
    method, headers: { "content-type": "application/json" }, body: body && JSON.stringify(body),
  });
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
  return response.json();
}

const CALENDAR = {
  users: [{ id: 11, name: "Olga", email: "olga@salon.example", username: "olga", timeZone: "Europe/Moscow", apiKey: "cal_page_test",
    schedule: { timeZone: "Europe/Moscow", availability: [{ startTime: "09:00", endTime: "21:00",
      days: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"] }] } }],
  eventTypes: [{ id: 101, ownerId: 11, title: "Haircut", slug: "haircut", lengthInMinutes: 60, hosts: [{ userId: 11 }],
    locations: [{ type: "address", address: "Tverskaya 1", public: true }] }],
};

const CRM = {
  brands: [{ _id: "b1", name: "Salon 42", code: "salon-42" }],
  channels: [{ _id: "ch1", name: "Salon 42" }],
  integrations: [{ _id: "i1", kind: "messenger", name: "Telegram", channelId: "ch1", brandId: "b1" }],
};
const CONNECT = `mutation($i: String!, $p: String, $d: JSON) {
  widgetsMessengerConnect(integrationId: $i, phone: $p, data: $d) { customerId } }`;
const INSERT = `mutation($i: String!, $c: String, $m: String) {
  widgetsInsertMessage(integrationId: $i, customerId: $c, message: $m) { _id } }`;

async function erxes(sandbox, query, variables) {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${sandbox.url}/graphql`, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

/** Noon in Moscow, the given number of days from now. */
function noonIn(days) {
  const day = new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
  return `${day}T09:00:00.000Z`;
}

/** The steps, in the order in which one visit to the page goes. */
const steps = {
  async "the page offers to start the chat"({ page }) {
    await page.getByRole("button", { name: "Start", exact: true }).click();
    await bubble(page, "You said: /start").waitFor();
  },
  async "a text reaches the product and its answer appears"({ page, product }) {
    await say(page, "hello");
    await bubble(page, "You said: hello").waitFor();
    assert.equal(product.updates.at(-1).message.text, "hello");
  },
  async "a link button leads out, and only there"({ page }) {
    const link = page.getByRole("link", { name: "Map" }).last();
    assert.equal(await link.getAttribute("href"), "https://maps.example.org/s17");
    assert.match(await link.getAttribute("rel"), /noopener/);
  },
  async "a press delivers the callback with its message"({ page, product }) {
    await page.getByRole("button", { name: "Confirm" }).last().click();
    await bubble(page, "Chosen: ok").waitFor();
    await page.getByRole("status").filter({ hasText: "Got ok" }).waitFor();
    const { callback_query: query } = product.updates.find((update) => update.callback_query);
    assert.deepEqual([query.data, query.message.text], ["ok", "You said: hello"]);
  },
  async "the contact button shares the client's own number, once"({ page, product }) {
    await say(page, "number");
    await page.getByRole("button", { name: "Share my number" }).click();
    await bubble(page, "Thank you, 79001234567").waitFor();
    assert.equal(product.updates.at(-1).message.contact.user_id, ANNA);
    await page.getByRole("button", { name: "Share my number" }).waitFor({ state: "hidden" });
  },
  async "an edit reaches the product"({ page, product }) {
    await page.getByRole("button", { name: "Edit “hello”" }).click();
    await page.getByLabel("Message", { exact: true }).fill("hello again");
    await page.getByRole("button", { name: "Change" }).click();
    await until(() => product.updates.some((update) => update.edited_message?.text === "hello again"));
    await page.locator(".messages .mine").filter({ hasText: "hello again" }).getByText("edited").waitFor();
  },
  async "markup in a text stays text"({ page }) {
    const evil = `<img src=x onerror="document.title='hacked'"><script>document.title='hacked'</script>`;
    await say(page, evil);
    await bubble(page, `You said: ${evil}`).waitFor();
    assert.equal(await page.locator(".messages img, .messages script").count(), 0);
    assert.equal(await page.title(), "Salon sandbox");
  },
  async "the ledger shows what the product called, and what the vendor forbids"({ page }) {
    const ledger = page.getByRole("log", { name: /ledger/i });
    await ledger.locator(".entry.request").filter({ hasText: "editMessageText" }).first().waitFor();
    await ledger.locator(".entry.delivery").filter({ hasText: "callback_query" }).first().waitFor();
    await page.getByText("0 violations", { exact: true }).waitFor();
    await say(page, "forbidden");
    await page.getByText("1 violation", { exact: true }).waitFor();
    await ledger.getByText("Bad Request: BUTTON_DATA_INVALID").first().waitFor();
    await page.getByRole("checkbox", { name: "violations only" }).check();
    assert.equal(await ledger.locator(".entry:visible").count(), 1);
    await page.getByRole("checkbox", { name: "violations only" }).uncheck();
  },
  async "a planned fault strikes the next call"({ page, product }) {
    await page.getByLabel("Operation").fill("sendMessage");
    await page.getByRole("combobox", { name: "Fault", exact: true }).selectOption("status");
    await page.getByRole("button", { name: "Plan" }).click();
    await page.getByRole("list", { name: "Planned faults" }).getByText("telegram · sendMessage").waitFor();
    await say(page, "are you there?");
    await until(() => product.outcomes.at(-1).status === 500);
    await until(async () => (await page.getByRole("list", { name: "Planned faults" }).locator("li").count()) === 0);
  },
  async "the clock goes forward"({ page }) {
    const at = async () => Date.parse(await page.locator("#now").getAttribute("datetime"));
    const before = await at();
    await page.getByRole("button", { name: "+1 day" }).click();
    await until(async () => (await at()) - before >= 86_400_000);
  },
  async "the calendar shows a visit, and the salon's staff can cancel it"({ page, sandbox }) {
    const calendar = page.getByRole("region", { name: /calendar/i, includeHidden: false }).locator("article");
    await page.getByText("No visits yet").waitFor();
    const visit = { do: "book", event_type: 101, start: noonIn(5) };
    await control(sandbox, "POST", "/vendors/calcom/act", visit);
    await calendar.first().waitFor();
    assert.match(await calendar.first().innerText(), /12:00[^]*Haircut[^]*Somebody Else[^]*Olga[^]*Europe\/Moscow[^]*accepted/);
    await page.getByRole("button", { name: "Next reminder" }).click();
    await until(async () => Date.parse(await page.locator("#now").getAttribute("datetime")) >= Date.parse(noonIn(4)));
    await control(sandbox, "POST", "/vendors/calcom/act", { ...visit, start: noonIn(6) });
    await page.getByRole("button", { name: /^Cancel .* as the salon's staff$/ }).first().click();
    await calendar.filter({ hasText: "cancelled" }).waitFor();
  },
  async "the CRM record shows the client and the conversation, and an operator can answer"({ page, sandbox }) {
    await page.getByText("No record yet").waitFor();
    const connected = await erxes(sandbox, CONNECT, { i: "i1", p: "+79001234567", d: { firstName: "Anna" } });
    const customer = connected.widgetsMessengerConnect.customerId;
    await erxes(sandbox, INSERT, { i: "i1", c: customer, m: "<p>Booked <b>haircut</b></p>" });
    const record = page.locator(`[data-customer="${customer}"]`);
    await record.getByText("Booked haircut").waitFor();
    assert.match(await record.innerText(), /Anna[^]*lead[^]*\+79001234567[^]*client/);
    await record.getByLabel("Answer as the operator").fill("See you then");
    await record.getByRole("button", { name: "Answer" }).click();
    await record.locator(".note.operator").filter({ hasText: "See you then" }).waitFor();
  },
  async "what is being typed survives a redraw"({ page, sandbox }) {
    const record = page.locator(".record").first();
    await record.getByLabel("Answer as the operator").fill("half a sent");
    await control(sandbox, "POST", "/vendors/calcom/act", { do: "book", event_type: 101, start: noonIn(8) });
    const crm = await control(sandbox, "GET", "/vendors/erxes");
    const reply = { do: "reply", conversation_id: crm.conversations[0]._id, text: "from elsewhere" };
    await control(sandbox, "POST", "/vendors/erxes/act", reply);
    await record.getByText("from elsewhere").waitFor();
    assert.equal(await record.getByLabel("Answer as the operator").inputValue(), "half a sent");
    assert.equal(await page.evaluate(() => document.activeElement.name), "text", "the operator goes on writing");
  },
  async "a blocked bot hears of it and can't write"({ page, product, sandbox }) {
    await page.getByRole("button", { name: "Block", exact: true }).click();
    await page.getByText("blocked by you").waitFor();
    await until(() => product.updates.at(-1).my_chat_member?.new_chat_member.status === "kicked");
    const refused = await fetch(`${sandbox.url}/telegram/bot${TOKEN}/sendMessage?chat_id=${ANNA}&text=hi`);
    assert.equal(refused.status, 403);
    await page.locator("#start").click();
    await page.getByRole("button", { name: "Block", exact: true }).waitFor();
  },
  async "a forged update is told apart"({ product, sandbox }) {
    const forgery = { update: { update_id: 1 }, secret: "guess" };
    assert.deepEqual(await control(sandbox, "POST", `/telegram/bots/${BOT}/forge`, forgery), { status: 401 });
    assert.equal(product.forged, 1);
  },
  async "every control has a name"({ page }) {
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll("button, input, select")]
        .filter((one) => !one.textContent.trim() && !one.getAttribute("aria-label") && !one.labels?.length)
        .map((one) => one.outerHTML));
    assert.deepEqual(nameless, []);
  },
  async "the browser had nothing to complain of"({ complaints }) {
    assert.deepEqual(complaints, []);
  },
};

const bubble = (page, text) => page.locator(".messages .bot .bubble").filter({ hasText: text }).last();

async function say(page, text) {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByRole("button", { name: "Send", exact: true }).click();
}

async function until(condition) {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`never happened: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function play(context) {
  let failed = 0;
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step(context);
      console.log(`ok      ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}\n${String(error.stack).replaceAll(/^/gm, "        ")}`);
    }
  }
  console.log(`${Object.keys(steps).length - failed} passed, ${failed} failed`);
  return failed;
}

async function main() {
  const sandbox = await startSandbox();
  let product;
  let browser;
  try {
    await control(sandbox, "POST", "/telegram/bots", { token: TOKEN, name: "Salon on Tverskaya", username: "salon_demo_bot" });
    await control(sandbox, "POST", "/telegram/people", { id: ANNA, first_name: "Anna", last_name: "K", language_code: "ru", phone: "79001234567" });
    await control(sandbox, "POST", "/vendors/calcom/seed", CALENDAR);
    await control(sandbox, "POST", "/vendors/erxes/seed", CRM);
    product = await startProduct(sandbox.url, TOKEN, "page-test-secret");
    const executablePath = process.env.CHROME_PATH || "/usr/bin/chromium";
    browser = await chromium.launch({ executablePath, args: BROWSER_ARGS });
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    page.setDefaultTimeout(PATIENCE_MS);
    const complaints = [];
    page.on("console", (message) => { if (message.type() === "error") complaints.push(message.text()); });
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(sandbox.url);
    await page.getByRole("combobox", { name: "Bot", exact: true }).selectOption(String(BOT));
    await page.getByRole("combobox", { name: "Client", exact: true }).selectOption(String(ANNA));
    const failed = await play({ page, product, sandbox, complaints });
    if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
    process.exitCode = failed ? 1 : 0;
  } finally {
    await browser?.close();
    product?.stop();
    sandbox.stop();
  }
}

await main();
