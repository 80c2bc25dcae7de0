import { chromium } from "playwright-core";
const [url, out, w, h, ...vendors] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--headless", "--no-sandbox", "--disable-gpu"] });
const page = await browser.newPage({ viewport: { width: +w, height: +h } });
page.setDefaultTimeout(15000);
page.on("console", (m) => console.log("console", m.text()));
page.on("pageerror", (e) => console.log("pageerror", String(e)));
await page.goto(url);
const names = { telegram: "Telegram", max: "MAX", vk: "VK", whatsapp: "WhatsApp", instagram: "Instagram" };
for (const spec of vendors) {
  const [vendor, upto] = spec.split(":");
  const phone = page.getByRole("region", { name: names[vendor], exact: true });
  const press = async (name) => { await phone.getByRole("button", { name }).last().click(); await page.waitForTimeout(500); };
  const steps = [() => press("Start"), () => press("Русский"),
    async () => { if (vendor === "vk") { await phone.getByRole("textbox").fill("+7 916 323-45-67"); await press("Send"); } else if (vendor !== "whatsapp") await press(vendor === "instagram" ? /^\+7/ : "Отправить мой номер"); },
    () => press("Записаться"), () => press(/Стрижка/), () => press("Ольга"),
    async () => { await page.waitForTimeout(700); await phone.locator(".buttons").last().locator("button").nth(3).click().catch(() => phone.locator(".keyboard button").nth(3).click()); },
    async () => { await page.waitForTimeout(700); await phone.locator(".buttons").last().locator("button").nth(1).click().catch(() => phone.locator(".keyboard button").nth(1).click()); },
    () => press("Подтвердить")];
  for (const step of steps.slice(0, +upto)) { await step(); await page.waitForTimeout(400); }
}
await page.waitForTimeout(2500);
await page.screenshot({ path: out });
await browser.close();
