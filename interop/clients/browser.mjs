// Opens a page in Chromium with a task, and waits for its outcome.
import { launch } from "puppeteer-core";

const { chromium, page: url, task } = JSON.parse(process.argv[2]);
const browser = await launch({ executablePath: chromium, pipe: true, timeout: 60_000, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
try {
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error(String(error)));
  page.on("console", (message) => console.error(message.text()));
  // PostHog and the relay treat a headless browser as a crawler.
  await page.setUserAgent((await browser.userAgent()).replace("HeadlessChrome", "Chrome"));
  await page.evaluateOnNewDocument((given) => { globalThis.task = given; }, task);
  await page.goto(url);
  await page.waitForFunction("globalThis.outcome !== undefined", { timeout: 75_000 });
  console.log(JSON.stringify(await page.evaluate("globalThis.outcome")));
} finally {
  await browser.close();
}
