// What the steps find on the page.

export const PATIENCE_MS = 10_000;

/** The phones, in their order. */
export const NAMES = { telegram: "Telegram", max: "MAX", vk: "VK", whatsapp: "WhatsApp", instagram: "Instagram" };

export const phoneOf = (page, vendor) => page.getByRole("region", { name: NAMES[vendor], exact: true });

/** The last of the salon's messages that say this. */
export const bubble = (phone, text) => phone.locator(".messages .salon .bubble").filter({ hasText: text }).last();

export async function say(phone, text) {
  await phone.getByRole("textbox", { name: "Message", exact: true }).fill(text);
  await phone.getByRole("button", { name: "Send", exact: true }).click();
}

export async function until(condition) {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`never happened: ${condition}`);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}
