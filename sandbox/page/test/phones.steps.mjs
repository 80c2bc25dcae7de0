// What is tried on each phone, in the order in which a client would.

import assert from "node:assert/strict";
import { bubble, NAMES, phoneOf, say, until } from "./page.mjs";
import { SHARE } from "./product.mjs";

/** The steps on one phone; `salon` says what its messenger has. */
export function phoneSteps(vendor, salon) {
  const named = { ...common(vendor, salon), ...(salon.does ?? []).reduce((steps, one) => ({ ...steps, ...special[one](vendor) }), {}), ...ending(vendor, salon) };
  return Object.fromEntries(Object.entries(named).map(([name, step]) => [`${NAMES[vendor]}: ${name}`, step]));
}

const common = (vendor, salon) => ({
  async "Start opens the chat and the salon answers"({ page }) {
    const phone = phoneOf(page, vendor);
    await phone.getByRole("button", { name: "Start", exact: true }).click();
    await bubble(phone, /^You said: /).waitFor();
  },
  async "a text reaches the salon and its answer appears"({ page }) {
    const phone = phoneOf(page, vendor);
    await say(phone, "hello");
    await bubble(phone, "You said: hello").waitFor();
  },
  async "a button is a button, and its press is answered"({ page }) {
    const phone = phoneOf(page, vendor);
    await phone.getByRole("button", { name: "Confirm", exact: true }).last().click();
    await bubble(phone, "Chosen: ok").waitFor();
  },
  async "the client's number gets there"({ page }) {
    const phone = phoneOf(page, vendor);
    await say(phone, "number");
    await bubble(phone, "Your number?").waitFor();
    if (salon.number === "button") await phone.getByRole("button", { name: /^(Share my number|\+\d+)$/ }).last().click();
    else if (salon.number === "card") await phone.getByRole("button", { name: "My number", exact: true }).click();
    else await say(phone, `+${salon.phone}`);
    await bubble(phone, `Thank you, ${salon.phone}`).waitFor();
  },
  async "delivery is ticked where the vendor reports it, and nowhere else"({ page }) {
    const phone = phoneOf(page, vendor);
    const ticks = phone.locator(".salon .ticks");
    if (!salon.ticks) { assert.equal(await ticks.count(), 0); return; }
    await say(phone, "ticks");
    const answer = bubble(phone, "You said: ticks").locator(".ticks");
    await answer.waitFor();
    await say(phone, "seen");
    await until(async () => (await answer.getAttribute("aria-label")) === "read");
    assert.equal(await phone.locator(".mine .ticks").count(), 0);
  },
  async "a picture goes out"({ page, products }) {
    const phone = phoneOf(page, vendor);
    const before = products[vendor].heard.length;
    await phone.getByRole("button", { name: "Photo" }).click();
    await until(async () => /Photo|File/.test(await phone.locator(".messages .mine").last().innerText()));
    await until(() => products[vendor].heard.length > before);
  },
});

const ending = (vendor, salon) => ({
  async "a forged event is told apart"({ control, products }) {
    assert.deepEqual(await control("POST", `/messengers/${vendor}/${salon.account}/forge`), { status: 401 });
    assert.equal(products[vendor].forged, 1);
  },
  async "a blocked salon can't be written to until it is unblocked"({ page, products }) {
    const phone = phoneOf(page, vendor);
    await phone.getByRole("button", { name: "Block", exact: true }).click();
    await phone.getByText("blocked by you").waitFor();
    assert.equal(await phone.getByRole("textbox", { name: "Message", exact: true }).isVisible(), false);
    await phone.getByRole("button", { name: "Unblock the salon" }).click();
    await say(phone, "back again");
    await bubble(phone, "You said: back again").waitFor();
    assert.deepEqual(products[vendor].trouble, []);
  },
  async "texts and labels stay inside"({ page, products }) {
    const phone = phoneOf(page, vendor);
    const long = "Ұзақсөзбезендірілмегенқосымшасыз".repeat(4);
    await say(phone, `${long} مرحبا بالعالم`);
    await bubble(phone, long).waitFor();
    const wide = await phone.evaluate((box) => [...box.querySelectorAll("*")]
      .filter((one) => one.getBoundingClientRect().right > box.getBoundingClientRect().right + 1)
      .map((one) => one.outerHTML.slice(0, 200)));
    assert.deepEqual(wide, []);
    assert.deepEqual(products[vendor].trouble, []);
  },
});

/** What only some messengers have. */
const special = {
  notice: (vendor) => ({
    async "the answer to a press is shown over the chat"({ page }) {
      const phone = phoneOf(page, vendor);
      await say(phone, "offer");
      await bubble(phone, "You said: offer").waitFor();
      await phone.getByRole("button", { name: "Cancel", exact: true }).last().click();
      await phone.getByRole("status").filter({ hasText: "Got no" }).waitFor();
    },
  }),
  link: (vendor) => ({
    async "a link button leads out, and only there"({ page }) {
      const link = phoneOf(page, vendor).getByRole("link", { name: "Map" }).last();
      assert.equal(await link.getAttribute("href"), "https://maps.example.org/s17");
      assert.match(await link.getAttribute("rel"), /noopener/);
    },
  }),
  typing: (vendor) => ({
    async "the salon is seen typing"({ page }) {
      const phone = phoneOf(page, vendor);
      await say(phone, "wait");
      await phone.getByLabel("The salon is typing").waitFor();
      await phone.getByText("typing…").waitFor();
    },
  }),
  list: (vendor) => ({
    async "a list is open, a row for each entry"({ page }) {
      const phone = phoneOf(page, vendor);
      await say(phone, "times");
      const list = phone.locator(".buttons.list").last();
      await list.getByText("Times", { exact: true }).waitFor();
      await list.getByRole("button", { name: "сейсенбі, 1 желтоқсан" }).click();
      await bubble(phone, "Chosen: t12").waitFor();
    },
  }),
  edit: (vendor) => ({
    async "an edit reaches the salon"({ page, products }) {
      const phone = phoneOf(page, vendor);
      await phone.getByRole("button", { name: "Edit “hello”", exact: true }).click();
      await phone.getByRole("textbox", { name: "Message", exact: true }).fill("hello again");
      await phone.getByRole("button", { name: "Change" }).click();
      await phone.locator(".messages .mine").filter({ hasText: "hello again" }).waitFor();
      await until(() => JSON.stringify(products[vendor].heard).includes("hello again"));
    },
  }),
  once: (vendor) => ({
    async "the button under the chat goes away once it was pressed"({ page }) {
      await phoneOf(page, vendor).getByRole("button", { name: SHARE }).waitFor({ state: "hidden" });
    },
  }),
};
