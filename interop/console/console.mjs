// Uses the console as an operator with a browser does: every page at two widths, in
// both themes, checked with axe; the changes; what must never happen. The gateway and
// its traffic are interop/console_test.go's. Exits with 1 if anything is wrong.
import { mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { chromium } from "playwright-core";

const { CONSOLE_URL: base, CONSOLE_TOKEN: token, CONSOLE_SCREENSHOTS: folder } = process.env;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const problems = [];
const check = (ok, what) => { if (!ok) problems.push(what); };

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});

// open returns a page in a context of its own that notes whatever goes wrong in it.
async function open(options) {
  const context = await browser.newContext({ locale: "en-GB", timezoneId: "UTC", ...options });
  const page = await context.newPage();
  page.on("console", (m) => {
    // A page that answers with an error on purpose says so itself.
    if (["error", "warning"].includes(m.type()) && !/status of (400|403|404|422)/.test(m.text())) {
      problems.push(`${page.url()}: ${m.type()}: ${m.text()}`);
    }
  });
  page.on("pageerror", (e) => problems.push(`${page.url()}: ${e}`));
  page.on("request", (r) => check(r.url().startsWith(new URL(base).origin), `asked for ${r.url()}`));
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`));
  });
  return page;
}

async function login(page) {
  await page.goto(base);
  check(page.url().includes("/console/login"), "one is let in without a token");
  await page.getByLabel("Your name").fill("Ada");
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL(base);
}

// The script is evaluated by the debugger's protocol, which the policy does not stop.
async function accessible(page, name) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  for (const v of violations) {
    problems.push(`${name}: axe: ${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(" | ")}`);
  }
}

const enc = encodeURIComponent;
const pages = {
  overview: "",
  "parcels-empty": "parcels",
  parcel: `parcels?id=${enc(process.env.CONSOLE_PARCEL)}`,
  "parcel-hostile": `parcels?id=${enc(process.env.CONSOLE_HOSTILE)}`,
  "parcel-unknown": "parcels?id=nobody-knows-this",
  events: "events?stream=INTERNET_PARCELS",
  "events-filtered": "events?stream=INTERNET_PARCELS&type=internet-parcel-accepted&since=2h",
  "events-none": "events?stream=CRC_CARGO",
  event: "events/INTERNET_PARCELS/1",
  gateways: "gateways",
  gateway: `gateways/${process.env.CONSOLE_GATEWAY}`,
  destinations: "destinations",
  destination: "destinations/busy.example",
  "destination-delivered": "destinations/good.example?state=delivered",
  parked: "parked",
  "parked-dropped": "parked?state=dropped",
  projections: "projections",
  projection: "projections/mailbox",
  error: "nowhere",
};

async function look(page, name, file) {
  await accessible(page, `${name} (${file})`);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  check(overflow <= 0, `${name} (${file}) is ${overflow} pixels too wide`);
  check(await page.title() !== "XSS", `${name}: an id was run`);
  await page.screenshot({ path: path.join(folder, `${name}-${file}.png`), fullPage: true });
}

async function tour(width, colorScheme) {
  const page = await open({ viewport: { width, height: 900 }, colorScheme, reducedMotion: "reduce" });
  const file = `${width}-${colorScheme}`;
  await page.goto(`${base}login`);
  await look(page, "login", file);
  await login(page);
  for (const [name, where] of Object.entries(pages)) {
    await page.goto(base + where);
    await look(page, name, file);
  }
  await page.goto(`${base}parked`);
  await page.locator("tbody th a").first().click();
  await page.getByText("Replay", { exact: true }).first().click();
  await look(page, "parked-message", file);
  await page.goto(`${base}destinations/busy.example`);
  await page.locator("summary", { hasText: "Drop" }).first().click();
  await look(page, "destination-drop", file);
  await page.context().close();
}

// act fills in a form that a summary opens.
async function act(page, summary, button) {
  await page.locator("summary", { hasText: new RegExp(`^${summary}$`) }).first().click();
  await page.locator("details[open]").getByLabel("Reason").fill("browser test");
  await page.locator("details[open]").getByRole("button", { name: button }).click();
  await page.locator(".notice").waitFor();
}

async function changes() {
  const page = await open({ viewport: { width: 1400, height: 900 } });
  await login(page);
  await page.goto(`${base}destinations/busy.example`);
  const waiting = await page.locator("tbody tr").count();
  await act(page, "Hold", "Hold");
  check(await page.locator("dd .warn", { hasText: "held" }).count() === 1, "what was held is not shown as held");
  await act(page, "Release", "Release");
  await act(page, "Drop", "Give it up");
  check(await page.locator("tbody tr").count() === waiting - 1, "what was dropped is shown still");

  await page.goto(`${base}parked`);
  await page.locator("tbody th a").first().click();
  await page.locator("summary", { hasText: "Replay" }).click();
  await page.locator("details[open]").getByLabel("Reason").fill("browser test");
  await page.locator("details[open]").getByRole("button", { name: "Replay" }).click();
  await page.getByText("it failed again").waitFor(); // the octets are not there
  renameSync(`${process.env.CONSOLE_HIDDEN_BLOB}.hidden`, process.env.CONSOLE_HIDDEN_BLOB);
  await page.goBack();
  if (!await page.locator("details[open]").count()) await page.locator("summary", { hasText: "Replay" }).click();
  await page.locator("details[open]").getByLabel("Reason").fill("browser test");
  await page.locator("details[open]").getByRole("button", { name: "Replay" }).click();
  await page.locator(".notice").waitFor();

  await page.goto(`${base}projections/mailbox`);
  await act(page, "Rebuild", "Rebuild");
  await page.getByText("Rebuilt:").waitFor({ timeout: 20000 }); // the page keeps itself up to date
  await act(page, "Verify", "Verify");
  await page.getByText("all as the history says").waitFor({ timeout: 20000 });
  await page.context().close();
}

// live wants a new event to appear in a list that is followed, and the copy of an id.
async function live() {
  const page = await open({ viewport: { width: 1400, height: 900 } });
  await login(page);
  await page.goto(`${base}events?stream=INTERNET_PARCELS`);
  await page.getByRole("button", { name: "Follow live" }).click();
  await page.getByText("Following").waitFor();
  const other = await page.context().newPage();
  await other.goto(`${base}destinations/busy.example`);
  await act(other, "Try everything now", "Try now");
  await page.locator("tr.new", { hasText: "destination-flushed" }).waitFor();
  await page.context().close();
}

// keyboard wants the skip link first, and everything to be reached.
async function keyboard() {
  const page = await open({ viewport: { width: 1400, height: 900 } });
  await login(page);
  await page.goto(`${base}events`);
  await page.keyboard.press("Tab");
  check(await page.evaluate(() => document.activeElement.className) === "skip", "the skip link is not the first thing");
  await page.keyboard.press("Enter");
  check(await page.evaluate(() => document.activeElement.id) === "main", "the skip link does not lead to the content");
  await page.context().close();
}

// plain visits the pages without script.
async function plain() {
  const page = await open({ viewport: { width: 1400, height: 900 }, javaScriptEnabled: false });
  await login(page);
  for (const where of Object.values(pages)) {
    await page.goto(base + where);
    check(await page.locator("h1").count() === 1, `${where} without script`);
  }
  await page.goto(`${base}destinations/busy.example`);
  await act(page, "Hold", "Hold");
  await act(page, "Release", "Release");
  await page.getByRole("button", { name: "Log out" }).click();
  await page.goto(base);
  check(page.url().includes("/console/login"), "the logout did not log out");
  await page.context().close();
}

try {
  for (const width of [400, 1400]) {
    for (const scheme of ["light", "dark"]) await tour(width, scheme);
  }
  await live();
  await keyboard();
  await changes();
  await plain();
} catch (e) {
  problems.push(e.stack);
}
await browser.close();
for (const p of problems) console.log(p);
console.log(`${problems.length} problems`);
process.exit(problems.length ? 1 : 0);
