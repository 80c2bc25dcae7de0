// What is tried on the salon's side of the page, and on the page as a whole.

import assert from "node:assert/strict";
import { bubble, NAMES, phoneOf, say, until } from "./page.mjs";

const DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

export const CALENDAR = {
  users: [{ id: 11, name: "Olga", email: "olga@salon.example", username: "olga", timeZone: "Europe/Moscow", apiKey: "cal_page_test",
    schedule: { timeZone: "Europe/Moscow", availability: [{ startTime: "09:00", endTime: "21:00", days: DAYS }] } }],
  eventTypes: [{ id: 101, ownerId: 11, title: "Haircut", slug: "haircut", lengthInMinutes: 60, hosts: [{ userId: 11 }],
    locations: [{ type: "address", address: "Tverskaya 1", public: true }] }],
};

export const CRM = {
  brands: [{ _id: "b1", name: "Salon 42", code: "salon-42" }],
  channels: [{ _id: "ch1", name: "Salon 42" }],
  integrations: [{ _id: "i1", kind: "messenger", name: "Telegram", channelId: "ch1", brandId: "b1" }],
};
const CONNECT = `mutation($i: String!, $p: String, $d: JSON) {
  widgetsMessengerConnect(integrationId: $i, phone: $p, data: $d) { customerId } }`;
const INSERT = `mutation($i: String!, $c: String, $m: String) {
  widgetsInsertMessage(integrationId: $i, customerId: $c, message: $m) { _id } }`;

async function erxes(url, query, variables) {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${url}/graphql`, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  const { data, errors } = await response.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

/** Noon in Moscow, the given number of days from now. */
function noonIn(days) {
  const day = new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
  return `${day}T09:00:00.000Z`;
}

export const salonSteps = {
  async "markup in a text stays text"({ page }) {
    const evil = `<img src=x onerror="document.title='hacked'"><script>document.title='hacked'</script>`;
    const phone = phoneOf(page, "telegram");
    await say(phone, evil);
    await bubble(phone, `You said: ${evil}`).waitFor();
    assert.equal(await page.locator(".messages img, .messages script").count(), 0);
    assert.equal(await page.title(), "Salon sandbox");
  },
  async "the ledger shows what went both ways, and what a vendor forbids"({ page }) {
    const ledger = page.getByRole("log", { name: /ledger/i });
    for (const [vendor, name] of Object.entries(NAMES)) {
      await ledger.locator(`.entry.request[data-vendor=${vendor}]`).filter({ hasText: `→ ${name}` }).first().waitFor();
      await ledger.locator(`.entry.delivery[data-vendor=${vendor}]`).filter({ hasText: `${name} →` }).first().waitFor();
    }
    await page.getByText("0 violations", { exact: true }).waitFor();
    await say(phoneOf(page, "telegram"), "forbidden");
    await page.getByText("1 violation", { exact: true }).waitFor();
    await ledger.getByText("Bad Request: BUTTON_DATA_INVALID").first().waitFor();
    await page.getByRole("checkbox", { name: "violations only" }).check();
    assert.equal(await ledger.locator(".entry:visible").count(), 1);
    await page.getByRole("checkbox", { name: "violations only" }).uncheck();
  },
  async "a planned fault strikes the next call"({ page }) {
    await page.getByRole("combobox", { name: "Vendor" }).selectOption("max");
    await page.getByLabel("Operation").fill("POST /messages");
    await page.getByRole("combobox", { name: "Fault", exact: true }).selectOption("status");
    await page.getByRole("button", { name: "Plan" }).click();
    await page.getByRole("list", { name: "Planned faults" }).getByText("MAX · POST /messages").waitFor();
    await say(phoneOf(page, "max"), "are you there?");
    await page.getByRole("log", { name: /ledger/i }).locator(".entry[data-vendor=max]").filter({ hasText: "500" }).waitFor();
    await until(async () => (await page.getByRole("list", { name: "Planned faults" }).locator("li").count()) === 0);
  },
  async "the clock goes forward"({ page }) {
    const at = async () => Date.parse(await page.locator("#now").getAttribute("datetime"));
    const before = await at();
    await page.getByRole("button", { name: "+1 day" }).click();
    await until(async () => (await at()) - before >= 86_400_000);
  },
  async "the calendar shows a visit, and the salon's staff can cancel it"({ page, control }) {
    const calendar = page.getByRole("region", { name: /calendar/i, includeHidden: false }).locator("article");
    await page.getByText("No visits yet").waitFor();
    const visit = { do: "book", event_type: 101, start: noonIn(5) };
    await control("POST", "/vendors/calcom/act", visit);
    await calendar.first().waitFor();
    assert.match(await calendar.first().innerText(), /12:00[^]*Haircut[^]*Somebody Else[^]*Olga[^]*Europe\/Moscow[^]*accepted/);
    await page.getByRole("button", { name: "Next reminder" }).click();
    await until(async () => Date.parse(await page.locator("#now").getAttribute("datetime")) >= Date.parse(noonIn(4)));
    await control("POST", "/vendors/calcom/act", { ...visit, start: noonIn(6) });
    await page.getByRole("button", { name: /^Cancel .* as the salon's staff$/ }).first().click();
    await calendar.filter({ hasText: "cancelled" }).waitFor();
  },
  async "the CRM record shows the client and the conversation, and an operator can answer"({ page, url }) {
    await page.getByText("No record yet").waitFor();
    const connected = await erxes(url, CONNECT, { i: "i1", p: "+79001234567", d: { firstName: "Anna K" } });
    const customer = connected.widgetsMessengerConnect.customerId;
    await erxes(url, INSERT, { i: "i1", c: customer, m: "<p>Booked <b>haircut</b></p>" });
    const record = page.locator(`[data-customer="${customer}"]`);
    await record.getByText("Booked haircut").waitFor();
    assert.match(await record.innerText(), /Anna K[^]*lead[^]*\+79001234567[^]*client/);
    assert.equal(await record.getAttribute("data-vendor"), "telegram", "it has the colour of her phone");
    await record.getByLabel("Answer as the operator").fill("See you then");
    await record.getByRole("button", { name: "Answer" }).click();
    await record.locator(".note.operator").filter({ hasText: "See you then" }).waitFor();
  },
  async "what is being typed survives a redraw"({ page, control }) {
    const record = page.locator(".record").first();
    await record.getByLabel("Answer as the operator").fill("half a sent");
    const crm = await control("GET", "/vendors/erxes");
    const reply = { do: "reply", conversation_id: crm.conversations[0]._id, text: "from elsewhere" };
    await control("POST", "/vendors/erxes/act", reply);
    await record.getByText("from elsewhere").waitFor();
    assert.equal(await record.getByLabel("Answer as the operator").inputValue(), "half a sent");
    assert.equal(await page.evaluate(() => document.activeElement.dataset.conversation), crm.conversations[0]._id, "the operator goes on writing");
  },
  async "a phone can change hands"({ page }) {
    const phone = phoneOf(page, "telegram");
    await phone.getByRole("combobox", { name: "Client" }).selectOption("700100300");
    await phone.getByRole("button", { name: "Start", exact: true }).click();
    await bubble(phone, "You said: /start").waitFor();
    assert.equal(await phone.locator(".messages .mine").count(), 1);
    await phone.getByRole("combobox", { name: "Client" }).selectOption("700100200");
    await bubble(phone, "You said: hello").waitFor();
  },
  async "a narrow screen shows one phone, and tells on the tabs of the others what is new"({ page, control }) {
    await page.setViewportSize({ width: 390, height: 844 });
    const visible = async () => (await page.locator(".phone:visible").all()).length;
    await until(async () => (await visible()) === 1);
    await page.getByRole("tab", { name: "WhatsApp" }).click();
    await phoneOf(page, "whatsapp").waitFor();
    assert.equal(await visible(), 1);
    const { account, person } = await import("./salons/vk.mjs");
    await control("POST", `/messengers/vk/${account}/${person}`, { do: "text", text: "from afar" });
    await page.locator(".tabs .news").filter({ hasText: "VK" }).waitFor();
    await page.getByRole("tab", { name: "VK" }).click();
    await bubble(phoneOf(page, "vk"), "You said: from afar").waitFor();
    assert.equal(await page.locator(".tabs .news").filter({ hasText: "VK" }).count(), 0);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(overflow, 0, "nothing sticks out");
    await page.setViewportSize({ width: 1280, height: 800 });
    await until(async () => (await visible()) === 5);
  },
  async "every control has a name"({ page }) {
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll("button, input, select, summary")]
        .filter((one) => !one.textContent.trim() && !one.getAttribute("aria-label") && !one.labels?.length)
        .map((one) => one.outerHTML));
    assert.deepEqual(nameless, []);
  },
  async "the browser had nothing to complain of, and asked nobody else"({ complaints }) {
    assert.deepEqual(complaints, []);
  },
};
