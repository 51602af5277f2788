// Clicks through a page of vscan graph view and says what is wrong with it.
//
//	node click.mjs TASK      TASK is a file of JSON: see clickTask in click_test.go
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const task = JSON.parse(readFileSync(process.argv[2], "utf8"));
let bad = 0;
let part = "start";
setTimeout(() => { console.log(`WRONG it hangs: ${part}`); process.exit(1); }, 600000).unref(); // a guard, long for a machine that does much else
const wrong = text => { bad++; console.log("WRONG " + text); };
const want = (ok, text) => { if (!ok) wrong(text); };

const browser = await chromium.launch({ executablePath: task.browser, args: ["--no-sandbox", "--disable-gpu"] });
const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: "light" });
const page = await context.newPage();
page.setDefaultTimeout(120000);
page.on("request", r => { if (r.url() !== "file://" + task.page && !r.url().startsWith("data:")) wrong(`the page asks for ${r.url()}`); });
page.on("console", m => { if (m.type() === "error" || m.type() === "warning") wrong(`console: ${m.text()}`); });
page.on("pageerror", e => wrong(`error: ${e.stack}`));

const text = async id => (await page.textContent("#" + id)).trim();
const shot = async name => { if (task.shots) part = `picture ${name}`; if (task.shots) await page.screenshot({ path: `${task.shots}-${name}.png`, fullPage: true, timeout: 10000 }).catch(e => console.log(`no picture ${name}: ${e.message}`)); };
// The page draws with the next frame, and 120 ms later tells what is in view. Its
// own timers and frames keep that order, however late they are.
const frames = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))";
const settle = () => page.evaluate(`${frames}.then(() => new Promise(done => setTimeout(done, 250))).then(() => ${frames})`);
const number = s => Number(s.replaceAll(",", ""));
// colours counts the colours of a canvas, and tells the first pixel's.
const colours = id => page.$eval("#" + id, c => {
  const copy = Object.assign(document.createElement("canvas"), { width: c.width, height: c.height }).getContext("2d", { willReadFrequently: true });
  copy.drawImage(c, 0, 0);
  const d = copy.getImageData(0, 0, c.width, c.height).data, seen = new Set();
  for (let i = 0; i < d.length; i += 4) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);
  return { count: seen.size, first: d[0] << 16 | d[1] << 8 | d[2] };
});

async function main() {
  const began = Date.now();
  await page.goto("file://" + task.page);
  await page.waitForSelector("html[data-ready=yes]");
  const timing = await page.evaluate(() => performance.now());
  console.log(`${task.name}: ready ${Math.round(timing)} ms after navigation began, ${Date.now() - began} ms with the browser's start of a page`);
  await settle();

  want((await page.title()).includes(task.title), `title ${await page.title()}`);
  want((await text("facts")).includes(task.edges.toLocaleString("en")), `facts ${await text("facts")}`);

  // Region × region: mouse, keyboard, table.
  part = "Region × region";
  await page.focus("#matrixMap");
  const first = await text("matrixSay");
  want(/: [\d,]+ references?$/.test(first), `matrix says ${first}`);
  if (task.regions > 1) {
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    for (let i = 0; i < 60; i++) await page.keyboard.press("ArrowUp");
    for (let i = 0; i < 60; i++) await page.keyboard.press("ArrowLeft");
    const corner = await text("matrixSay");
    await page.keyboard.press("ArrowDown");
    want(await text("matrixSay") !== corner, "ArrowDown does not move the matrix's mark");
  }
  const matrix = await page.locator("#matrixMap").boundingBox();
  want(Math.abs(matrix.width - matrix.height) < 2, `the matrix is ${matrix.width} × ${matrix.height}`);
  await page.mouse.move(matrix.x + matrix.width - 8, matrix.y + matrix.height - 8);
  want(/→/.test(await text("matrixSay")), "the mouse does not move the matrix's mark");
  await page.click("summary");
  const total = await page.$$eval("#matrixTable tbody td.n", t => t.reduce((n, d) => n + Number(d.textContent.replaceAll(",", "")), 0));
  want(total === task.edges, `the matrix's table has ${total} references of ${task.edges}`);
  await page.click("summary");
  await page.focus("#matrixMap");
  await page.keyboard.press("Enter");
  want(await page.evaluate(() => document.activeElement.id) === "heatMap", "Enter in the matrix does not lead to the heat map");

  // Page × page: all, down to one page by keyboard, by buttons, by mouse.
  part = "Page × page";
  await page.keyboard.press("0");
  await settle();
  want((await text("heatView")).includes(`All memory: ${task.edges.toLocaleString("en")} reference`), `the heat map says ${await text("heatView")}`);
  want((await colours("heatMap")).count > 3, "the heat map is empty");
  want(await page.isVisible("#heatNote") === task.vague, `that pages are not known is ${await page.isVisible("#heatNote") ? "" : "not "}said`);
  const steps = [];
  for (let i = 0; i < 30; i++) {
    const view = await text("heatView");
    steps.push(view.match(/A point is ([^.(]*)/)[1].trim());
    if (/A point is a page × a page/.test(view)) break;
    await page.keyboard.press("+");
    await settle();
  }
  console.log(`${task.name}: zoom ${steps.join(", ")}`);
  want(steps.at(-1) === "a page × a page", "it does not zoom in to single pages");
  for (let i = 0; i < 12; i++) await page.keyboard.press("+");
  await settle();
  await shot("deep");
  for (let i = 0; i < 40; i++) await page.keyboard.press("-");
  await settle();
  want((await text("heatView")).includes("All memory"), "− does not lead back to all memory");
  await page.click("#zoomPage");
  await settle();
  const busiest = await text("heatSay");
  console.log(`${task.name}: busiest page ${busiest.replaceAll("\n", " ")}`);
  want(/^[\d,]+ references?\nfrom [^\n]*\)\nto [^\n]*\)$/.test(busiest), `the busiest page says ${busiest}`);
  want(number(busiest.split(" ")[0]) === task.busiest, `the busiest page has ${busiest}, want ${task.busiest}`);
  await shot("page");
  await page.click("#zoomOut"); await page.click("#zoomIn"); await page.click("#zoomAll");
  await settle();
  want((await text("heatView")).includes("All memory"), "All does not lead back to all memory");
  const rows = page.locator("#heatTable tbody button");
  want(await rows.count() > 0, "no table of points in view");
  await rows.first().click();
  await settle();
  want(/reference/.test(await text("heatSay")), "the table of points leads nowhere");
  await page.focus("#heatMap");
  await page.keyboard.press("0");
  const heat = await page.locator("#heatMap").boundingBox();
  want(Math.abs(heat.width - heat.height) < 2 && heat.width > 200, `the heat map is ${heat.width} × ${heat.height}`);
  const middle = [heat.x + heat.width * .6, heat.y + heat.height * .6];
  await page.mouse.move(...middle);
  await page.mouse.wheel(0, -100);
  await settle();
  const zoomed = await text("heatView");
  want(steps.length < 2 || !zoomed.includes("All memory"), "the wheel does not zoom");
  await page.mouse.down(); await page.mouse.move(middle[0] - 60, middle[1] - 40, { steps: 4 }); await page.mouse.up();
  await settle();
  want(steps.length < 2 || await text("heatView") !== zoomed, "a drag does not move the map");
  await page.mouse.dblclick(middle[0], middle[1]);

  // Cells, one by one, against the graph.
  part = "Cells";
  for (const c of task.cells) {
    const pick = async (id, region) => {
      const value = await page.$eval("#" + id, (s, r) => [...s.options].find(o => o.textContent.endsWith(`(${r})`))?.value, region);
      if (value === undefined) { wrong(`${id} has no ${region}`); return; }
      await page.selectOption("#" + id, value);
    };
    await pick("heatFrom", c.fromRegion); await pick("heatTo", c.toRegion);
    await page.focus("#heatMap");
    const press = async (key, n) => {
      for (; n >= 16; n -= 16) await page.keyboard.press("Shift+" + key);
      for (; n > 0; n--) await page.keyboard.press(key);
    };
    await press("ArrowDown", c.down); await press("ArrowRight", c.right);
    const got = await text("heatSay"), m = got.match(/^([\d,]+) references?\nfrom [^\n]*\((0x[0-9a-f]+)\)\nto [^\n]*\((0x[0-9a-f]+)\)$/);
    if (!m) { if (!(task.vague && /somewhere in/.test(got))) wrong(`${c.from} → ${c.to}: ${got}`); continue; }
    want(number(m[1]) === c.edges && m[2] === c.from && m[3] === c.to, `${c.from} → ${c.to} has ${c.edges} references; the page says ${got}`);
  }
  await page.click("#zoomAll");

  // The strip.
  part = "The strip";
  await page.focus("#stripMap");
  await page.keyboard.press("Home");
  const start = await text("stripSay");
  await page.keyboard.press("End");
  want(start !== await text("stripSay") && /references?$/.test(start), "Home and End do not move the strip's mark");
  for (const k of ["ArrowLeft", "PageUp", "PageDown", "Shift+ArrowLeft", "ArrowRight"]) await page.keyboard.press(k);
  const strip = await page.locator("#stripMap").boundingBox();
  await page.mouse.move(strip.x + strip.width / 2, strip.y + 20);
  want(/references?$/.test(await text("stripSay")), `the strip says ${await text("stripSay")}`);

  // Tables and their search.
  part = "Tables and their search";
  const body = () => page.$$eval("#topTable tbody tr", t => t.map(r => [...r.children].map(d => d.textContent)));
  let table = await body();
  want(table.length === task.targets && number(table[0][0]) === task.topEdges && table[0][1] === task.topAddr, `the table of addresses begins with ${table[0]}`);
  await page.fill("#topSearch", table.at(-1)[1].toUpperCase().replace("0X", ""));
  table = await body();
  want(table.length >= 1 && (await text("topCount")).startsWith(`${table.length} of `), "the search does not find an address");
  await page.fill("#topSearch", "no such mapping");
  want((await body()).length === 0 && (await text("topCount")).startsWith("0 of "), "the search finds what is not there");
  await page.fill("#topSearch", "");
  for (const what of ["pages", "into", "targets"]) {
    await page.selectOption("#topWhat", what);
    table = await body();
    want(table.length > 0 && table.every(r => r.length === (what === "targets" ? 3 : 4)), `the table of ${what} is ${table.length} rows`);
    want(table.every((r, i) => !i || number(table[i - 1][0]) >= number(r[0])), `the table of ${what} is not in order`);
  }

  // The neighbourhood.
  part = "The neighbourhood";
  const nodes = page.locator("#net g[tabindex]");
  const shown = await nodes.count();
  want(shown > 0 && (await text("pictureText")).startsWith(`${shown} piece`), `${shown} pieces: ${await text("pictureText")}`);
  want(await page.locator("#net g.target").count() === 1, "the target is not in the picture");
  for (let i = 0; i < Math.min(shown, 5); i++) {
    await nodes.nth(i).focus();
    want((await text("netSay")).includes("link"), `a piece says ${await text("netSay")}`);
  }
  await nodes.last().hover({ force: true });
  const box = () => page.getAttribute("#net", "viewBox");
  const before = await box();
  await page.keyboard.press("+");
  want(await box() !== before, "+ does not zoom the picture");
  await page.keyboard.press("ArrowLeft"); await page.keyboard.press("-"); await page.keyboard.press("0");
  want(await box() === before, "0 does not bring the picture back");
  const net = await page.locator("#net").boundingBox();
  await page.mouse.move(net.x + 5, net.y + 5); await page.mouse.down(); await page.mouse.move(net.x + 50, net.y + 40, { steps: 3 }); await page.mouse.up();
  want(await box() !== before, "a drag does not move the picture");
  await page.focus("#net"); await page.keyboard.press("0");

  // Chains.
  part = "Chains";
  const chains = page.locator("#chainTable button");
  want(await chains.count() === task.chains, `${await chains.count()} chains, want ${task.chains}`);
  for (let i = 0; i < Math.min(task.chains, 4); i++) {
    await chains.nth(i).click();
    want((await text("netSay")).startsWith(`Chain ${i + 1}: `), `chain ${i + 1} says ${await text("netSay")}`);
    want(await page.locator("#net g.on").count() > 0, `chain ${i + 1} is not shown`);
  }
  want(task.chains > 0 || (await text("chainTable")).includes("No chain"), "that there is no chain is not said");

  // Everything that has the focus has a name, and can be reached by Tab.
  part = "Everything that has the focus has a name";
  const cdp = await context.newCDPSession(page);
  const { nodes: ax } = await cdp.send("Accessibility.getFullAXTree");
  let named = 0;
  for (const n of ax) {
    if (n.ignored || n.role?.value === "RootWebArea" || !n.properties?.some(p => p.name === "focusable" && p.value.value)) continue;
    if (n.name?.value?.trim()) named++; else wrong(`a ${n.role?.value} that can have the focus has no name`);
  }
  console.log(`${task.name}: ${named} things with names`);
  await page.focus(".skip");
  const reached = new Set();
  for (let i = 0; i < 40; i++) { await page.keyboard.press("Tab"); reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.className.baseVal || document.activeElement.className || document.activeElement.tagName)); }
  for (const id of ["matrixMap", "zoomIn", "heatFrom", "heatMap", "stripMap"]) want(reached.has(id), `Tab does not reach ${id}`);

  // Dark and light, wide and narrow, coarse and fine pixels.
  part = "Dark and light";
  const light = await colours("heatMap");
  await page.emulateMedia({ colorScheme: "dark" });
  await settle();
  const dim = await colours("heatMap");
  want(light.first !== dim.first && dim.count > 3, "the dark page draws as the light one");
  await page.evaluate(() => scrollTo(0, 0));
  await shot("dark-1280");
  for (const width of [700, 360]) {
    await page.setViewportSize({ width, height: 900 });
    await settle();
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    want(over <= 0, `at ${width} pixels the page is ${over} too wide`);
    const m = await page.locator("#matrixMap").boundingBox(), h = await page.locator("#heatMap").boundingBox();
    want(Math.abs(m.width - m.height) < 2 && Math.abs(h.width - h.height) < 2, `at ${width} pixels the maps are not square`);
    await shot("dark-" + width);
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 700, height: 900 });
  await settle();
  await shot("light-700");
  await page.setViewportSize({ width: 1280, height: 900 });
  await settle();
  await shot("light-1280");
  want((await colours("heatMap")).first === light.first, "light again is not as before");
}

try {
  await main();
} catch (e) {
  wrong(e.stack);
}
await browser.close();
process.exit(bad ? 1 : 0);
