// The chat page in a real browser, with a small salon on every messenger behind the stand-ins.
//
//   SANDBOX_URL=http://127.0.0.1:PORT npm test    against a running sandbox that holds no data yet
//   SALON_BIN_DIR=target/debug npm test           starts $SALON_BIN_DIR/salon-sandbox itself
//
// CHROME_PATH names the browser (default: /usr/bin/chromium), SCREENSHOT a file for a picture of the page.

import { chromium } from "playwright-core";
import { startSandbox } from "./sandbox.mjs";
import { startProduct } from "./product.mjs";
import { NAMES, PATIENCE_MS } from "./page.mjs";
import { phoneSteps } from "./phones.steps.mjs";
import { CALENDAR, CRM, salonSteps } from "./salon.steps.mjs";

const BROWSER_ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];

async function play(steps, context) {
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
  const { control } = sandbox;
  const [salons, products] = [{}, {}];
  let browser;
  try {
    for (const vendor of Object.keys(NAMES)) {
      salons[vendor] = await import(`./salons/${vendor}.mjs`);
      await control("POST", `/vendors/${vendor}/seed`, salons[vendor].seed);
      products[vendor] = await startProduct(salons[vendor].salon(sandbox.url, control));
    }
    await control("POST", "/vendors/calcom/seed", CALENDAR);
    await control("POST", "/vendors/erxes/seed", CRM);
    const executablePath = process.env.CHROME_PATH || "/usr/bin/chromium";
    browser = await chromium.launch({ executablePath, args: BROWSER_ARGS });
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    page.setDefaultTimeout(PATIENCE_MS);
    const complaints = [];
    page.on("console", (message) => { if (message.type() === "error") complaints.push(message.text()); });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("request", (request) => { if (!request.url().startsWith(sandbox.url)) complaints.push(request.url()); });
    await page.goto(sandbox.url);
    const steps = Object.assign({}, ...Object.keys(NAMES).map((vendor) => phoneSteps(vendor, salons[vendor])), salonSteps);
    const failed = await play(steps, { page, control, url: sandbox.url, products, complaints });
    if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
    process.exitCode = failed ? 1 : 0;
  } finally {
    await browser?.close();
    for (const product of Object.values(products)) product.stop();
    sandbox.stop();
  }
}

await main();
