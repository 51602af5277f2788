// Clicks through the page of a sweep and tells what is wrong with it.
//
//	node click.mjs TASK.json
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const task = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { chromium } = createRequire(task.modules)("playwright-core");
let bad = 0;
let part = "start";
setTimeout(() => { console.log(`WRONG it hangs: ${part}`); process.exit(1); }, 300000).unref(); // a guard, long for a machine that does much else
const wrong = text => { bad++; console.log(`WRONG ${part}: ${text}`); };
const want = (ok, text) => { if (!ok) wrong(text); };

const browser = await chromium.launch({ executablePath: task.browser, args: ["--no-sandbox", "--disable-gpu"] });
// open opens the page, and has whatever it complains of told.
async function open(options) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60000);
  page.on("request", r => { if (r.url() !== "file://" + task.page) wrong(`the page asks for ${r.url()}`); });
  page.on("console", m => { if (m.type() === "error" || m.type() === "warning") wrong(`console: ${m.text()}`); });
  page.on("pageerror", e => wrong(`error: ${e.stack}`));
  page.on("dialog", d => { wrong(`dialog: ${d.message()}`); d.dismiss(); });
  await page.goto("file://" + task.page);
  return page;
}
const shot = (page, name) => task.shots ? page.screenshot({ path: `${task.shots}-${name}.png`, fullPage: true }) : undefined;
const texts = (page, selector) => page.$$eval(selector, all => all.map(e => e.textContent.trim()));
const shown = (page, selector) => page.$$eval(selector, all => all.filter(e => e.offsetParent !== null || e.getClientRects().length).map(e => e.textContent.trim()));
const said = page => page.textContent("#said");

// contrast returns the texts whose contrast with what lies behind them is less than 4.5.
const contrast = page => page.evaluate(() => {
  const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return { rgb: m.slice(0, 3), a: m[3] ?? 1 }; };
  const light = rgb => { const [r, g, b] = rgb.map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b; };
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.a === 1) return c.rgb; } return [255, 255, 255]; };
  const low = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; (n = walker.nextNode());) {
    const e = n.parentElement;
    if (!n.data.trim() || e.closest("script, style, noscript") || !e.getClientRects().length) continue;
    const a = light(parse(getComputedStyle(e).color).rgb), b = light(behind(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) low.add(`${e.tagName}.${e.className} ${ratio.toFixed(2)} "${n.data.trim().slice(0, 20)}"`);
  }
  return [...low].slice(0, 10);
});

// rules returns what is wrong with the markup for those who do not see the page.
const rules = page => page.evaluate(() => {
  const out = [], all = s => [...document.querySelectorAll(s)];
  const ids = all("[id]").map(e => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) out.push(`id ${id} is there twice`);
  for (const e of all("[aria-labelledby]")) if (!document.getElementById(e.getAttribute("aria-labelledby"))) out.push("a label that is not there");
  for (const t of all("table")) {
    if (!t.caption?.textContent.trim()) out.push(`table ${t.id} has no caption`);
    if (!t.tHead || ![...t.tHead.rows[0].cells].every(c => c.tagName === "TH" && c.scope === "col")) out.push(`table ${t.id} has a head that is none`);
    const width = t.tHead.rows[0].cells.length;
    for (const r of t.rows) if (r.cells.length !== width) { out.push(`table ${t.id} has rows of ${r.cells.length} and ${width} cells`); break; }
    if (t.querySelectorAll("[aria-sort]").length > 1) out.push(`table ${t.id} is sorted by several columns`);
  }
  for (const h of all("tbody th, tfoot th")) if (h.scope !== "row") out.push(`a head of a row without scope: ${h.textContent}`);
  for (const e of all("input, select")) if (!e.labels?.length) out.push(`no label: ${e.outerHTML}`);
  for (const e of all("svg")) if (!e.closest("[aria-hidden=true]")) out.push("a picture that has no text");
  for (const e of all("[tabindex]")) if (e.tabIndex > 0) out.push("a tabindex above 0");
  let level = 0;
  for (const h of all("h1, h2, h3, h4")) { const n = +h.tagName[1]; if (n > level + 1) out.push(`heading ${h.textContent} skips a level`); level = n; }
  if (all("h1").length !== 1 || all("main").length !== 1) out.push("not one h1 and one main");
  if (!document.documentElement.lang || !document.title) out.push("no language, or no title");
  for (const e of all("[style], [onclick], [onload], [onerror], img, iframe, object, link")) out.push(`what may not be there: ${e.outerHTML.slice(0, 80)}`);
  return out;
});

async function withScripts() {
  const page = await open();
  await page.waitForSelector("html[data-ready=yes]");
  part = "content";
  want((await page.textContent("#verdict")).includes(task.sentence), `says ${await page.textContent("#verdict")}`);
  want(await page.title() === task.title, `title ${await page.title()}`);
  want((await texts(page, "#imagesTable tbody tr th")).length === task.imageRows, `${(await texts(page, "#imagesTable tbody tr th")).length} images`);
  const names = await texts(page, "#patternsTable tbody th");
  want(JSON.stringify(names) === JSON.stringify(task.patterns), `patterns ${JSON.stringify(names)}`);
  for (const what of await rules(page)) wrong(what);
  await shot(page, "light-1280");

  part = "sorting";
  const column = k => page.$$eval("#patternsTable tbody tr", (rows, k) => rows.map(r => r.cells[k].dataset.v ? Number(r.cells[k].dataset.v) : r.cells[k].textContent), k);
  const ordered = (a, down) => a.every((v, k) => !k || (down ? a[k - 1] >= v : a[k - 1] <= v));
  const head = k => page.locator("#patternsTable thead th").nth(k);
  const before = await column(4);
  for (const [k, click, order] of [[2, 1, "descending"], [2, 2, "ascending"], [4, 1, "descending"], [4, 2, "ascending"], [1, 1, "descending"], [0, 1, "ascending"], [0, 2, "descending"]]) {
    await head(k).locator("button").click();
    want(await head(k).getAttribute("aria-sort") === order, `column ${k}, click ${click}: ${await head(k).getAttribute("aria-sort")}`);
    want(await page.locator("#patternsTable [aria-sort]").count() === 1, "several columns say that they are sorted");
    if (k) want(ordered(await column(k), order === "descending"), `column ${k} is not ${order}`);
    want((await said(page)).includes(order), `says ${await said(page)}`);
  }
  want((await column(4)).sort((a, b) => a - b).join() === before.sort((a, b) => a - b).join(), "sorting loses rows");

  part = "filters";
  const rowsOf = async id => (await shown(page, `#${id} tbody tr`)).length;
  const total = await rowsOf("imagesTable");
  const some = task.find;
  await page.fill("input[data-filter=imagesTable]", some.toUpperCase());
  const found = await shown(page, "#imagesTable tbody tr");
  want(found.length > 0 && found.every(r => r.toLowerCase().includes(some.toLowerCase())), `${found.length} of ${total} images are shown for ${some}`);
  want((await page.textContent("output[data-count=imagesTable]")).startsWith(`${found.length} of `), "how many are shown is not said");
  await page.fill("input[data-filter=imagesTable]", "no such name");
  want(await rowsOf("imagesTable") === 0, "what is not there is found");
  await page.fill("input[data-filter=imagesTable]", "");
  want(await rowsOf("imagesTable") === total, "not all images are back");
  if (task.matrixPattern) {
    const columns = async () => (await shown(page, "#matrixTable thead th[data-name]")).length, all = await columns();
    await page.fill("input[data-columns=matrixTable]", task.matrixPattern);
    want(await columns() >= 1 && await columns() < all, `${await columns()} of ${all} patterns are shown`);
    want((await page.$$eval("#matrixTable tr", rows => new Set(rows.map(r => [...r.cells].filter(c => !c.hidden).length)).size)) === 1, "rows of the matrix have different columns");
    await page.fill("input[data-columns=matrixTable]", "");
    want(await columns() === all, "not all patterns are back");
    await page.locator("#matrixTable thead th").nth(1).locator("button").click();
    const sums = await page.$$eval("#matrixTable tbody tr", rows => rows.map(r => Number(r.cells[1].dataset.v)));
    want(ordered(sums, true), "the matrix is not sorted by its sums");
    const feet = await texts(page, "#matrixTable tfoot th");
    want(feet.at(-1) === "all images", `the matrix ends with ${feet}`);
  }

  part = "keyboard";
  await page.reload();
  await page.waitForSelector("html[data-ready=yes]");
  await page.keyboard.press("Tab");
  want(await page.evaluate(() => document.activeElement.className) === "skip", "the first Tab does not lead to the skip link");
  want((await page.locator(".skip").boundingBox()).height > 10, "the skip link does not show when it has the focus");
  await page.keyboard.press("Enter");
  want(await page.evaluate(() => document.activeElement.id) === "main", "the skip link does not lead to the content");
  await page.focus(".skip");
  const reached = [];
  for (let k = 0; k < 400; k++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => { const e = document.activeElement; if (e === document.body) return ""; const o = getComputedStyle(e); return (e.id || e.dataset.filter || e.dataset.columns || e.closest("table")?.id || e.getAttribute("aria-label") || e.textContent) + (o.outlineStyle === "none" || parseFloat(o.outlineWidth) < 2 ? " WITHOUT A MARK" : ""); });
    if (!at) break;
    reached.push(at);
  }
  want(!reached.some(r => r.endsWith(" WITHOUT A MARK")), `the focus does not show at ${[...new Set(reached.filter(r => r.endsWith(" WITHOUT A MARK")))]}`);
  for (const id of ["theme", "imagesTable", "patternsTable", "Table of coverage"]) want(reached.includes(id), `Tab does not reach ${id}`);
  const order = ["What failed", "theme", "patternsTable", "imagesTable", "Table of coverage"].map(id => reached.indexOf(id));
  want(ordered(order), `Tab goes in the order ${order}`);
  await head(2).locator("button").focus();
  await page.keyboard.press("Enter");
  want(await head(2).getAttribute("aria-sort") === "descending", "Enter does not sort");
  await page.keyboard.press(" ");
  want(await head(2).getAttribute("aria-sort") === "ascending", "the space bar does not sort");
  want(await page.evaluate(() => document.activeElement.tagName) === "BUTTON", "sorting loses the focus");
  await page.focus('[aria-label="Table of patterns"]');

  part = "names of what can have the focus";
  const cdp = await page.context().newCDPSession(page);
  const { nodes } = await cdp.send("Accessibility.getFullAXTree");
  for (const n of nodes) {
    if (n.ignored || n.role?.value === "RootWebArea" || !n.properties?.some(p => p.name === "focusable" && p.value.value)) continue;
    if (!n.name?.value?.trim() && n.role.value !== "main") wrong(`a ${n.role?.value} that can have the focus has no name`);
  }
  want(nodes.filter(n => n.role?.value === "columnheader").length > 5 && nodes.filter(n => n.role?.value === "rowheader").length > 1, "tables have no heads for who does not see them");

  part = "colours";
  const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await back();
  for (const what of await contrast(page)) wrong(`contrast ${what}`);
  await page.selectOption("#theme", "dark");
  const dark = await back();
  want(dark !== light, "dark is as light");
  for (const what of await contrast(page)) wrong(`contrast, dark: ${what}`);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.selectOption("#theme", "light");
  want(await back() === light, "light does not stay light where the system is dark");
  await page.selectOption("#theme", "");
  want(await back() === dark, "the system's choice does not count");
  await shot(page, "dark-1280");

  part = "widths";
  for (const width of [380, 700, 1800]) {
    await page.setViewportSize({ width, height: 900 });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    want(over <= 0, `at ${width} pixels the page is ${over} too wide`);
    await shot(page, "dark-" + width);
  }
  await page.context().close();
}

async function withoutScripts() {
  part = "without scripts";
  const page = await open({ javaScriptEnabled: false });
  want(await page.locator("input, select, thead button").filter({ visible: true }).count() === 0, "what needs a script shows without one");
  want(await page.locator("#imagesTable tbody tr").filter({ visible: true }).count() === task.imageRows, "images are missing without scripts");
  want(await page.locator("#patternsTable tbody tr").filter({ visible: true }).count() === task.patterns.length, "patterns are missing without scripts");
  await shot(page, "no-script");
  await page.context().close();
}

try {
  await withScripts();
  await withoutScripts();
} catch (e) {
  wrong(e.stack);
}
await browser.close();
process.exit(bad ? 1 : 0);
