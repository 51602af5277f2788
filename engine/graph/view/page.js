"use strict";
const D = JSON.parse(document.getElementById("data").textContent);
const $ = id => document.getElementById(id);
const el = (name, text, cls) => { const e = document.createElement(name); if (text !== undefined) e.textContent = text; if (cls) e.className = cls; return e; };
const num = n => n.toLocaleString("en");
const plural = (n, word) => `${num(n)} ${word}${n === 1 ? "" : "s"}`;
const hex = n => "0x" + BigInt(n).toString(16);
const clamp = (x, lo, hi) => Math.max(lo, Math.min(hi, x));
const dark = matchMedia("(prefers-color-scheme: dark)");
// Colours from few to many, readable on the page's background, light or dark.
const ramps = { light: [[168, 204, 233], [87, 157, 208], [33, 100, 175], [84, 39, 143], [50, 0, 60]], dark: [[32, 66, 112], [31, 111, 180], [88, 166, 255], [255, 190, 90], [255, 250, 220]] };
function colour(t) {
  const ramp = dark.matches ? ramps.dark : ramps.light, x = clamp(t, 0, 1) * (ramp.length - 1), i = Math.min(Math.floor(x), ramp.length - 2), f = x - i;
  return ramp[i].map((c, k) => Math.round(c + (ramp[i + 1][k] - c) * f));
}
const css = c => `rgb(${c[0]},${c[1]},${c[2]})`;
const styleOf = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const rgbOf = name => styleOf(name).match(/[0-9a-f]{2}/gi).map(h => parseInt(h, 16));
const shade = (n, max) => Math.log1p(n) / Math.log1p(Math.max(max, 1));
const pixels = () => window.devicePixelRatio || 1;
// room is how wide the parts of the page are.
const room = () => $("facts").clientWidth;
// sized makes a canvas w × h of the page's pixels and returns what draws on it.
function sized(canvas, w, h) {
  const r = pixels();
  canvas.style.width = w + "px"; canvas.style.height = h + "px";
  canvas.width = Math.round(w * r); canvas.height = Math.round(h * r);
  const c = canvas.getContext("2d");
  c.setTransform(r, 0, 0, r, 0, 0);
  return c;
}
// fitted is s, cut so that it is at most so wide.
function fitted(c, s, width) {
  if (c.measureText(s).width <= width) return s;
  while (s.length > 1 && c.measureText(s + "…").width > width) s = s.slice(0, -1);
  return s + "…";
}
// margin is the width that names need, within limits.
const margin = (names, lo, hi) => Math.round(clamp(names.reduce((n, s) => Math.max(n, s.length), 0) * 7.3 + 14, lo, Math.max(lo, hi)));
// Whatever is drawn for a width and a colour scheme is drawn again for others.
const painters = [];
dark.addEventListener("change", () => painters.forEach(f => f()));
{
  let width = room();
  addEventListener("resize", () => { if (room() !== width) { width = room(); painters.forEach(f => f()); } });
}

for (const [k, v] of D.facts) { const d = el("div"); d.append(el("dt", k), el("dd", v.replace(/\d{4,}/g, n => BigInt(n).toLocaleString("en")))); $("facts").append(d); }
for (const n of D.notes || []) $("notes").append(el("p", n, "note"));

// The axes: stretches of memory, side by side.
const axis = D.axis || [];
// groups is the stretches of each region.
const groups = [];
for (const s of axis) {
  const g = groups[groups.length - 1];
  if (g && g.region === s.region && g.name === s.name) g.to = s.from + s.pages;
  else groups.push({ region: s.region, name: s.name, from: s.from, to: s.from + s.pages });
}
function stretchAt(page) {
  let lo = 0, hi = axis.length;
  while (lo + 1 < hi) { const mid = (lo + hi) >> 1; if (axis[mid].from <= page) lo = mid; else hi = mid; }
  return axis[lo];
}
// addressAt is the address at a place on the axis, in pages.
function addressAt(page) {
  const s = stretchAt(page), whole = Math.floor(page);
  return BigInt(s.first) + BigInt(whole - s.from) * 4096n + BigInt(Math.floor((page - whole) * 4096));
}
function placeAt(page) {
  const s = stretchAt(page), a = addressAt(page), d = a - BigInt(s.region);
  return `${s.name}+${hex(d > 0n ? d : 0n)} (${hex(a)})`;
}
// spanOf tells of n pages from one on.
function spanOf(page, n) {
  const last = Math.min(page + n, D.heat.pages) - 1;
  if (last <= page) return placeAt(page);
  const a = stretchAt(page), b = stretchAt(last);
  return `${placeAt(page)} to ${a.name === b.name && a.region === b.region ? "" : b.name + " "}${hex(addressAt(last) + 4095n)}`;
}
function bytes(n) {
  let i = 0;
  for (; n >= 1024 && i < 5; i++) n /= 1024;
  return `${Number.isInteger(n) ? n : n.toFixed(1)} ${["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"][i]}`;
}

// Region × region.
const R = D.regions || [], NR = R.length, M = D.matrix || [];
const regionText = r => r.first ? `${r.name} at ${r.first} ${r.perm}` : r.name;
{
  const canvas = $("matrixMap");
  const max = M.reduce((a, b) => Math.max(a, b), 1);
  let at = [0, 0], label = 0, cell = 0;
  const draw = () => {
    label = margin(R.map(r => r.name), 40, Math.min(room() * .2, 210));
    cell = clamp(Math.floor((room() - label - 4) / Math.max(NR, 1)), 2, Math.max(16, Math.min(40, Math.floor(760 / Math.max(NR, 1)))));
    const size = label + cell * NR + 2, c = sized(canvas, size, size);
    c.fillStyle = styleOf("--bg"); c.fillRect(0, 0, size, size);
    c.font = `${clamp(cell - 2, 7, 12)}px ui-monospace, monospace`;
    for (let i = 0; i < NR; i++) {
      c.fillStyle = styleOf("--fg"); c.textAlign = "right"; c.textBaseline = "middle";
      c.fillText(fitted(c, R[i].name, label - 10), label - 6, label + (i + .5) * cell);
      c.save(); c.translate(label + (i + .5) * cell, label - 6); c.rotate(-Math.PI / 2); c.textAlign = "left"; c.fillText(fitted(c, R[i].name, label - 10), 0, 0); c.restore();
      for (let j = 0; j < NR; j++) {
        const n = M[i * NR + j];
        c.fillStyle = n ? css(colour(shade(n, max))) : styleOf("--card");
        c.fillRect(label + j * cell, label + i * cell, cell - 1, cell - 1);
      }
    }
    if (NR) { c.strokeStyle = styleOf("--hot"); c.lineWidth = 2; c.strokeRect(label + at[1] * cell - 1, label + at[0] * cell - 1, cell + 1, cell + 1); }
  };
  const say = () => { $("matrixSay").textContent = NR ? `${regionText(R[at[0]])} → ${regionText(R[at[1]])}: ${plural(M[at[0] * NR + at[1]], "reference")}` : "No references."; };
  const move = (i, j) => { at = [clamp(i, 0, NR - 1), clamp(j, 0, NR - 1)]; draw(); say(); };
  const open = () => { if (NR) showPair(R[at[0]], R[at[1]]); };
  canvas.addEventListener("keydown", e => {
    const d = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[e.key];
    if (d && NR) { e.preventDefault(); move(at[0] + d[0], at[1] + d[1]); }
    if (e.key === "Enter") { e.preventDefault(); open(); }
  });
  const point = e => {
    const b = canvas.getBoundingClientRect(), i = Math.floor((e.clientY - b.top - label) / cell), j = Math.floor((e.clientX - b.left - label) / cell);
    if (i >= 0 && j >= 0 && i < NR && j < NR && (i !== at[0] || j !== at[1])) move(i, j);
  };
  canvas.addEventListener("pointermove", point); canvas.addEventListener("pointerdown", point); canvas.addEventListener("dblclick", open);
  painters.push(draw);
  // The mark begins where most is.
  const top = M.indexOf(max);
  if (top >= 0 && NR) at = [Math.floor(top / NR), top % NR];
  draw(); say();
  const rows = [];
  for (let i = 0; i < NR; i++) for (let j = 0; j < NR; j++) if (M[i * NR + j]) rows.push([M[i * NR + j], i, j]);
  rows.sort((a, b) => b[0] - a[0] || a[1] - b[1] || a[2] - b[2]);
  for (const [n, i, j] of rows) { const tr = el("tr"); tr.append(el("td", num(n), "n"), el("td", regionText(R[i])), el("td", regionText(R[j]))); $("matrixTable").tBodies[0].append(tr); }
}

// The tree of squares, as heat.go writes it. Square 0 is the
// root. The quarters of a square follow one another from kid on; kid is 0 where
// it is not split, and −1−i where it has one reference, which is in the square
// oneX[i], oneY[i] of a level of its own: oneLevel(level of the square).
const H = D.heat, tree = {
  count: new Float64Array(H.squares), kid: new Int32Array(H.squares), mask: new Uint8Array(H.squares),
  oneX: new Float64Array(H.ones), oneY: new Float64Array(H.ones),
};
const splits = (level, count) => level > H.low && (level > H.level || count >= H.least);
const oneLevel = level => H.least <= 1 ? Math.min(level, H.low) : Math.min(level, H.level);
const weights = [0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4];
{
  const text = atob(H.bits), b = new Uint8Array(text.length);
  for (let i = 0; i < b.length; i++) b[i] = text.charCodeAt(i);
  let at = 0, acc = 0, have = 0, squares = 1, ones = 0;
  const take = n => {
    if (n > 24) { const high = take(n - 24); return high * (1 << 24) + take(24); }
    while (have < n) { acc = acc << 8 | b[at++]; have += 8; }
    have -= n;
    return acc >>> have & (1 << n) - 1;
  };
  const width = n => n < 4294967296 ? 32 - Math.clz32(n) : 64 - Math.clz32(n / 4294967296);
  const read = (i, level, x, y) => {
    const count = tree.count[i];
    if (count === 1) {
      for (let k = level - oneLevel(level); k > 0;) {
        const s = Math.min(k, 12), q = take(2 * s);
        for (let b = 2 * s - 2; b >= 0; b -= 2) { x = 2 * x + (q >> b & 1); y = 2 * y + (q >> b + 1 & 1); }
        k -= s;
      }
      tree.oneX[ones] = x; tree.oneY[ones] = y; tree.kid[i] = -1 - ones++;
      return;
    }
    if (!splits(level, count)) return;
    const mask = take(4), kid = squares;
    let left = weights[mask], rest = count;
    squares += left; tree.mask[i] = mask; tree.kid[i] = kid;
    for (let k = kid; left-- > 0; k++) rest -= tree.count[k] = left ? take(width(rest - left - 1)) + 1 : rest;
    for (let q = 0, k = kid; q < 4; q++) if (mask & 8 >> q) read(k++, level - 1, 2 * x + (q & 1), 2 * y + (q >> 1));
  };
  if (H.edges) { tree.count[0] = H.edges; read(0, H.levels, 0, 0); }
}
// each calls f(x, y, level, count) for what is in a square of w × h squares of a
// level, the first at x0, y0: squares of that level, or larger ones that hold
// references whose place is not known better.
function each(level, x0, y0, w, h, f) {
  const go = (i, l, x, y) => {
    const s = 2 ** (l - level);
    if (l >= level && (x * s >= x0 + w || y * s >= y0 + h || (x + 1) * s <= x0 || (y + 1) * s <= y0)) return;
    if (l <= level) { f(Math.floor(x * s), Math.floor(y * s), level, tree.count[i]); return; }
    const kid = tree.kid[i];
    if (kid > 0) {
      for (let q = 0, k = kid, m = tree.mask[i]; q < 4; q++) if (m & 8 >> q) go(k++, l - 1, 2 * x + (q & 1), 2 * y + (q >> 1));
    } else if (kid < 0) {
      const t = oneLevel(l), u = 2 ** (t - level), ox = tree.oneX[-1 - kid], oy = tree.oneY[-1 - kid];
      if (ox * u >= x0 + w || oy * u >= y0 + h || (ox + 1) * u <= x0 || (oy + 1) * u <= y0) return;
      if (t <= level) { f(Math.floor(ox * u), Math.floor(oy * u), level, 1); } else { f(ox, oy, t, 1); }
    } else {
      f(x, y, l, tree.count[i]);
    }
  };
  if (H.edges) go(0, H.levels, 0, 0);
}

// Page × page. Sizes on the canvas are in its own pixels.
let showPair = () => {};
{
  const canvas = $("heatMap"), n = Math.max(1, Math.ceil(H.pages / H.unit));
  // view: at zoom z ≥ 0, a point is 2^z squares on a side, and has some pixels of
  // the canvas, 1 to 2; below 0, it is a square, and has 2^−z times as many. x and
  // y are the first point that shows.
  let view = { z: 0, x: 0, y: 0 }, whole = 0, side = 0, fit = 1, left = 0, top = 0, mark = [0, 0], shown = null;
  const level = () => Math.max(view.z, 0), scale = () => fit * 2 ** Math.max(-view.z, 0);
  const points = () => Math.min(Math.ceil(side / scale()), total());
  const total = () => Math.ceil(n / 2 ** level());
  const least = () => Math.min(whole, -5);
  const clampView = () => {
    view.z = clamp(view.z, least(), whole);
    const last = view.z === whole ? 0 : Math.max(0, total() - Math.floor(side / scale()));
    view.x = clamp(Math.round(view.x), 0, last); view.y = clamp(Math.round(view.y), 0, last);
  };
  const layout = () => {
    const r = pixels(), label = margin(groups.map(g => g.name), 40, Math.min(room() * .13, 130));
    const free = Math.floor(Math.min(room() - label - 2, room() > 1000 ? 720 : 860, Math.max(n * 48, 240)) * r), was = whole;
    for (whole = -12; n / 2 ** whole > Math.max(free, 1) && whole < 60; whole++);
    side = Math.max(free, 1); fit = side / (n / 2 ** whole);
    left = top = Math.round(label * r);
    canvas.width = left + side + 1; canvas.height = top + side + 1;
    canvas.style.width = canvas.width / r + "px"; canvas.style.height = canvas.height / r + "px";
    if (view.z === was) view.z = whole;
    clampView();
  };
  // count adds up what is in view.
  const count = () => {
    const l = level(), w = points(), sums = new Float64Array(w * w), vague = [];
    let max = 1, sum = 0, at = 0;
    each(l, view.x, view.y, w, w, (x, y, of, c) => {
      sum += c;
      if (of > l) { vague.push([x, y, of, c]); return; }
      const i = (y - view.y) * w + x - view.x;
      sums[i] += c;
      if (sums[i] > max) { max = sums[i]; at = i; }
    });
    shown = { l, w, sums, vague, max, sum };
  };
  const draw = () => {
    count();
    const c = canvas.getContext("2d"), { l, w, sums, vague, max } = shown, px = scale(), r = pixels();
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.fillStyle = styleOf("--bg"); c.fillRect(0, 0, canvas.width, canvas.height);
    const image = new ImageData(w, w), card = rgbOf("--card"), data = new Uint32Array(image.data.buffer);
    const pack = k => (255 << 24 | k[2] << 16 | k[1] << 8 | k[0]) >>> 0;
    const empty = pack(card), table = [];
    for (let k = 0; k <= 255; k++) table.push(pack(colour(k / 255)));
    for (let i = 0; i < sums.length; i++) data[i] = sums[i] ? table[Math.round(shade(sums[i], max) * 255)] : empty;
    if (px < 4) for (const [x, y, of, n] of vague) { // some diagonals
      const s = 2 ** (of - l), k = table[Math.round(shade(n / (s * s), max) * 255)], x1 = Math.min((x + 1) * s - view.x, w), y1 = Math.min((y + 1) * s - view.y, w);
      for (let v = Math.max(y * s - view.y, 0); v < y1; v++) for (let u = Math.max(x * s - view.x, 0); u < x1; u++) if (!(u + v + view.x + view.y & (s < 4 ? 1 : 3))) data[v * w + u] = k;
    }
    const sheet = document.createElement("canvas"); sheet.width = sheet.height = w; sheet.getContext("2d").putImageData(image, 0, 0);
    c.save(); c.beginPath(); c.rect(left, top, side, side); c.clip();
    c.imageSmoothingEnabled = false; c.drawImage(sheet, left, top, w * px, w * px);
    const hatch = document.createElement("canvas"), hc = hatch.getContext("2d");
    if (px >= 4 && vague.length) {
      hatch.width = hatch.height = 8; hc.strokeStyle = styleOf("--dim"); hc.lineWidth = 1;
      hc.beginPath(); for (const d of [-8, 0, 8]) { hc.moveTo(d, 8); hc.lineTo(d + 8, 0); } hc.stroke();
      const pattern = c.createPattern(hatch, "repeat");
      for (const [x, y, of, n] of vague) {
        const s = 2 ** (of - l) * px, u = left + x * s - view.x * px, v = top + y * s - view.y * px;
        c.globalAlpha = .5; c.fillStyle = pattern; c.fillRect(u, v, s, s);
        c.globalAlpha = .8; c.strokeStyle = styleOf("--line"); c.lineWidth = 1; c.strokeRect(u + .5, v + .5, s - 1, s - 1);
        c.globalAlpha = 1;
      }
    }
    // Borders of pages, then of regions and gaps.
    const lines = (list, colour, alpha) => {
      c.strokeStyle = colour; c.globalAlpha = alpha; c.lineWidth = 1; c.beginPath();
      for (const p of list) {
        const x = Math.round(left + (p - view.x) * px) + .5, y = Math.round(top + (p - view.y) * px) + .5;
        if (x > left && x < left + side) { c.moveTo(x, top); c.lineTo(x, top + side); }
        if (y > top && y < top + side) { c.moveTo(left, y); c.lineTo(left + side, y); }
      }
      c.stroke(); c.globalAlpha = 1;
    };
    if (px >= 8) { const list = []; for (let k = 0; k <= w; k++) list.push(view.x + k, view.y + k); lines(list, styleOf("--line"), .6); }
    const edges = []; let last = -9;
    for (const s of axis) { const p = s.from / H.unit / 2 ** l; if ((p - last) * px >= 4) { edges.push(p); last = p; } }
    lines(edges, styleOf("--dim"), .45);
    c.strokeStyle = styleOf("--hot"); c.lineWidth = Math.max(2, Math.round(2 * r));
    const s = Math.max(px, 4 * r), mx = left + (Math.floor(mark[1] / 2 ** l) - view.x) * px, my = top + (Math.floor(mark[0] / 2 ** l) - view.y) * px;
    c.strokeRect(mx - 2, my - 2, s + 4, s + 4);
    c.restore();
    c.strokeStyle = styleOf("--line"); c.lineWidth = 1; c.strokeRect(left - .5, top - .5, side + 1, side + 1);
    // Names, where there is room.
    c.font = `${Math.round(11 * r)}px ui-monospace, monospace`; c.fillStyle = styleOf("--fg"); c.textBaseline = "middle";
    for (const g of groups) {
      const name = (from, put) => {
        const a = Math.max(0, (g.from / H.unit / 2 ** l - from) * px), b = Math.min(side, (g.to / H.unit / 2 ** l - from) * px);
        if (b - a >= 12 * r) put((a + b) / 2);
      };
      name(view.y, y => { c.textAlign = "right"; c.fillText(fitted(c, g.name, left - 8 * r), left - 5 * r, top + y); });
      name(view.x, x => { c.save(); c.translate(left + x, top - 5 * r); c.rotate(-Math.PI / 2); c.textAlign = "left"; c.fillText(fitted(c, g.name, top - 8 * r), 0, 0); c.restore(); });
    }
    $("scale").style.background = `linear-gradient(to right, ${[0, .25, .5, .75, 1].map(t => css(colour(t))).join(",")})`;
    $("scaleMax").textContent = num(max);
    $("hatchKey").hidden = !vague.length;
    say(); sayView();
  };
  const unit = () => 2 ** level() * H.unit;
  const pagesText = p => p === 1 ? "a page × a page" : `${num(p)} × ${num(p)} pages (${bytes(p * 4096)})`;
  // at tells the references in the point of a level, and of larger squares there
  // that may have some in it.
  const at = (l, x, y) => { let sum = 0, maybe = 0, of = 0; each(l, x, y, 1, 1, (_x, _y, k, c) => { if (k > l) { maybe += c; of = k; } else sum += c; }); return { sum, maybe, of }; };
  const say = () => {
    const l = level(), y = Math.floor(mark[0] / 2 ** l), x = Math.floor(mark[1] / 2 ** l), p = unit(), v = at(l, x, y);
    let text = v.sum || !v.maybe ? plural(v.sum, "reference") : "";
    if (v.maybe) text = `${plural(v.maybe, "reference")} somewhere in ${pagesText(2 ** v.of * H.unit)} around it`;
    $("heatSay").textContent = `${text}\nfrom ${spanOf(y * p, p)}\nto ${spanOf(x * p, p)}`;
  };
  let late = 0;
  const sayView = () => {
    clearTimeout(late);
    late = setTimeout(tellView, 120);
  };
  const tellView = () => {
    const { l, w, sums, vague, sum } = shown, p = unit(), partly = vague.length && view.z < whole ? "at most " : "";
    $("heatView").textContent = `A point is ${pagesText(p)}.\n${view.z === whole ? "All memory: " : ""}${partly}${plural(sum, "reference")}` +
      (view.z === whole ? "" : `\nfrom ${spanOf(view.y * p, w * p)}\nto ${spanOf(view.x * p, w * p)}`);
    const best = [];
    for (let i = 0; i < sums.length; i++) {
      if (!sums[i] || best.length === 20 && sums[i] <= best[19][0]) continue;
      best.push([sums[i], i]); best.sort((a, b) => b[0] - a[0] || a[1] - b[1]); best.length = Math.min(best.length, 20);
    }
    $("heatTable").tBodies[0].replaceChildren(...best.map(([c, i]) => {
      const y = view.y + Math.floor(i / w), x = view.x + i % w, tr = el("tr"), td = el("td", undefined, "n"), b = el("button", num(c)), to = el("td", undefined, "wrap");
      b.type = "button"; b.setAttribute("aria-label", `Go to the point with ${plural(c, "reference")}`); b.onclick = () => { mark = [y * 2 ** l, x * 2 ** l]; under(); canvas.focus(); };
      to.append(el("div", placeAt(y * p)), el("div", "→ " + placeAt(x * p))); td.append(b); tr.append(td, to);
      return tr;
    }));
  };
  const follow = () => { // so that the mark is in view
    const l = level(), w = Math.max(1, Math.floor(side / scale())), y = Math.floor(mark[0] / 2 ** l), x = Math.floor(mark[1] / 2 ** l);
    view.x = clamp(view.x, x - w + 1, x); view.y = clamp(view.y, y - w + 1, y);
  };
  const show = (z, y, x) => { // y, x: what is to be in the middle, in squares
    view.z = clamp(z, least(), whole);
    const w = side / scale() / 2;
    view.y = y / 2 ** level() - w; view.x = x / 2 ** level() - w;
    clampView(); draw();
  };
  // zoom keeps a place where it is: fy and fx are its part of the side.
  const zoom = (d, fy, fx) => {
    free();
    const w = side / scale(), y = (view.y + fy * w) * 2 ** level(), x = (view.x + fx * w) * 2 ** level();
    view.z = clamp(view.z + d, least(), whole);
    const v = side / scale();
    view.y = y / 2 ** level() - fy * v; view.x = x / 2 ** level() - fx * v;
    clampView(); draw();
  };
  const zoomMark = d => {
    const w = side / scale(), f = (m, from) => { const p = ((m + .5) / 2 ** level() - from) / w; return p >= 0 && p <= 1 ? p : .5; };
    zoom(d, f(mark[0], view.y), f(mark[1], view.x));
  };
  const free = () => { $("heatFrom").value = $("heatTo").value = ""; };
  const all = () => { free(); view = { z: whole, x: 0, y: 0 }; draw(); };
  // busiest goes to the smallest square that has most references, among w × h
  // points from x0, y0 on; of those that are as busy, the first. It may be one of
  // which the page is not known.
  const busiest = (x0, y0, w, h) => {
    const l = level();
    let best = { count: 0, level: 0, x: 0, y: 0 };
    const go = (i, k, x, y) => {
      const s = 2 ** (k - l), c = tree.count[i], kid = tree.kid[i];
      if (c <= best.count || x * s >= x0 + w || y * s >= y0 + h || (x + 1) * s <= x0 || (y + 1) * s <= y0) return;
      if (kid > 0) {
        const quarters = [];
        for (let q = 0, j = kid, m = tree.mask[i]; q < 4; q++) if (m & 8 >> q) quarters.push([j++, q]);
        quarters.sort((a, b) => tree.count[b[0]] - tree.count[a[0]] || a[1] - b[1]);
        for (const [j, q] of quarters) go(j, k - 1, 2 * x + (q & 1), 2 * y + (q >> 1));
      } else if (kid < 0) {
        const t = oneLevel(k), u = 2 ** (t - l), ox = tree.oneX[-1 - kid], oy = tree.oneY[-1 - kid];
        if (!(ox * u >= x0 + w || oy * u >= y0 + h || (ox + 1) * u <= x0 || (oy + 1) * u <= y0)) best = { count: 1, level: t, x: ox, y: oy };
      } else {
        best = { count: c, level: k, x, y };
      }
    };
    if (H.edges) go(0, H.levels, 0, 0);
    if (!best.count) return;
    const q = 2 ** best.level;
    mark = [best.y * q, best.x * q];
    free();
    show(best.level > H.low ? best.level - 4 : -4, mark[0] + q / 2, mark[1] + q / 2);
  };
  // under does so under the mark.
  const under = () => { const q = 2 ** level(); busiest(Math.floor(mark[1] / q), Math.floor(mark[0] / q), 1, 1); };
  const fraction = e => { const b = canvas.getBoundingClientRect(), r = canvas.width / b.width; return [((e.clientY - b.top) * r - top) / side, ((e.clientX - b.left) * r - left) / side]; };
  const set = ([fy, fx]) => {
    if (fy < 0 || fx < 0 || fy >= 1 || fx >= 1) return false;
    const w = side / scale(), q = 2 ** level(), y = Math.floor(view.y + fy * w) * q, x = Math.floor(view.x + fx * w) * q;
    if (y >= n || x >= n) return false;
    mark = [y, x];
    return true;
  };
  let turned = 0;
  canvas.addEventListener("wheel", e => {
    if (document.activeElement !== canvas && !e.ctrlKey) return;
    e.preventDefault();
    turned += e.deltaMode ? Math.sign(e.deltaY) * 100 : e.deltaY;
    const [fy, fx] = fraction(e);
    if (Math.abs(turned) >= 60) { zoom(turned < 0 ? -1 : 1, clamp(fy, 0, 1), clamp(fx, 0, 1)); turned = 0; }
  }, { passive: false });
  let drag = null, waiting = false;
  const later = () => { if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; draw(); }); } };
  canvas.addEventListener("pointerdown", e => { canvas.setPointerCapture(e.pointerId); drag = { e, x: view.x, y: view.y }; });
  canvas.addEventListener("pointerup", () => { drag = null; });
  canvas.addEventListener("pointercancel", () => { drag = null; });
  canvas.addEventListener("pointermove", e => {
    if (drag) {
      const r = pixels() / scale();
      view.x = drag.x - (e.clientX - drag.e.clientX) * r; view.y = drag.y - (e.clientY - drag.e.clientY) * r;
      free(); clampView(); later();
    } else if (set(fraction(e))) later();
  });
  canvas.addEventListener("dblclick", e => { if (set(fraction(e))) zoomMark(-1); });
  canvas.addEventListener("keydown", e => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const q = 2 ** level(), step = q * (e.shiftKey ? 16 : 1), d = { ArrowUp: [-step, 0], ArrowDown: [step, 0], ArrowLeft: [0, -step], ArrowRight: [0, step] }[e.key];
    if (d) {
      const last = (total() - 1) * q;
      mark = [clamp(Math.floor(mark[0] / q) * q + d[0], 0, last), clamp(Math.floor(mark[1] / q) * q + d[1], 0, last)];
      follow(); clampView(); draw();
    } else if (e.key === "+" || e.key === "=") zoomMark(-1);
    else if (e.key === "-" || e.key === "−") zoomMark(1);
    else if (e.key === "0") all();
    else if (e.key === "Enter") under();
    else return;
    e.preventDefault();
  });
  $("zoomIn").onclick = () => zoom(-1, .5, .5);
  $("zoomOut").onclick = () => zoom(1, .5, .5);
  $("zoomAll").onclick = all;
  $("zoomPage").onclick = () => busiest(view.x, view.y, points(), points());
  // The regions, to go to.
  const some = groups.length <= 1000 ? groups : groups.filter(g => R.some(r => r.first === g.region));
  for (const s of [$("heatFrom"), $("heatTo")]) {
    const o = el("option", "as shown"); o.value = ""; s.append(o);
    some.forEach((g, i) => { const o = el("option", `${g.name} (${g.region})`); o.value = i; s.append(o); });
  }
  const go = () => {
    const w = side / scale() / 2 * 2 ** level(), from = some[$("heatFrom").value || -1], to = some[$("heatTo").value || -1];
    const middle = (g, now) => g ? (g.from + g.to) / 2 / H.unit : now * 2 ** level() + w;
    const y = middle(from, view.y), x = middle(to, view.x);
    const most = Math.max(...[from, to].map(g => g ? (g.to - g.from) / H.unit : 1));
    let z = least();
    while (z < whole && most * fit / 2 ** z > side) z++;
    if (from) mark[0] = Math.floor(from.from / H.unit);
    if (to) mark[1] = Math.floor(to.from / H.unit);
    show(z, y, x);
  };
  $("heatFrom").onchange = $("heatTo").onchange = go;
  showPair = (from, to) => {
    const find = r => some.findIndex(g => g.region === r.first), i = find(from), j = find(to);
    $("heatFrom").value = i < 0 ? "" : i; $("heatTo").value = j < 0 ? "" : j;
    if (i < 0 && j < 0) all(); else go(); canvas.scrollIntoView({ block: "center" }); canvas.focus({ preventScroll: true });
  };
  if (H.exact < H.edges) {
    $("heatNote").hidden = false;
    const square = 2 ** H.level * H.unit, most = H.level < H.levels ? `at most ${num(square)} × ${num(square)}` : "many";
    $("heatNote").textContent = `Of ${num(H.edges)} references, ${num(H.exact)} are known page by page. For the others there is no room in this file: ` +
      `of each it is known in which square of ${most} pages it is; these squares are hatched. No reference is left out.`;
  }
  painters.push(() => { layout(); draw(); });
  view.z = Infinity; whole = Infinity; layout(); view.z = whole;
  if (H.edges) { count(); const i = shown.sums.indexOf(shown.max); if (i >= 0) mark = [Math.floor(i / shown.w) * 2 ** level(), (i % shown.w) * 2 ** level()]; draw(); tellView(); } else { canvas.hidden = true; $("heatView").textContent = "No references."; }
}

// The strip.
{
  const canvas = $("stripMap"), S = D.strip || [], max = D.stripMax || 1, tall = 140;
  let at = S.indexOf(max), width = 0;
  const draw = () => {
    width = room();
    const c = sized(canvas, width, tall), w = Math.round(width * pixels()), h = canvas.height;
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.fillStyle = styleOf("--card"); c.fillRect(0, 0, w, h);
    for (let x = 0; x < w; x++) {
      let n = 0; for (let k = Math.floor(x * S.length / w), end = Math.max(k + 1, Math.floor((x + 1) * S.length / w)); k < end; k++) n = Math.max(n, S[k] || 0);
      if (n) { const t = shade(n, max); c.fillStyle = css(colour(t)); c.fillRect(x, h - Math.max(2, t * (h - 8)), 1, h); }
    }
    c.fillStyle = styleOf("--hot"); c.fillRect(Math.round(at / S.length * w), 0, Math.round(2 * pixels()), h);
  };
  const say = () => { $("stripSay").textContent = `${placeAt(at / S.length * H.pages)}: ${plural(S[at] || 0, "reference")}`; };
  const move = k => { at = clamp(k, 0, S.length - 1); draw(); say(); };
  canvas.addEventListener("keydown", e => {
    const d = { ArrowLeft: e.shiftKey ? -16 : -1, ArrowRight: e.shiftKey ? 16 : 1, PageUp: -64, PageDown: 64, Home: -Infinity, End: Infinity }[e.key];
    if (d && S.length) { e.preventDefault(); move(at + d); }
  });
  const point = e => { const b = canvas.getBoundingClientRect(); move(Math.floor((e.clientX - b.left) / b.width * S.length)); };
  if (H.pages) { canvas.addEventListener("pointermove", point); canvas.addEventListener("pointerdown", point); painters.push(draw); draw(); say(); } else canvas.hidden = true;
}

// The tops.
{
  const fill = () => {
    const what = $("topWhat").value, all = D[what] || [], q = $("topSearch").value.trim().toLowerCase(), body = $("topTable").tBodies[0];
    const rows = all.filter(r => !q || r.addr.toLowerCase().includes(q) || r.place.toLowerCase().includes(q));
    const sizes = what !== "targets";
    $("topTable").querySelector(".size").hidden = !sizes;
    body.replaceChildren(...rows.map(r => { const tr = el("tr"); tr.append(el("td", num(r.edges), "n"), el("td", r.addr, "a"), el("td", r.place)); if (sizes) tr.append(el("td", r.size)); return tr; }));
    $("topCount").textContent = `${num(rows.length)} of ${num(all.length)} rows`;
  };
  $("topWhat").onchange = fill; $("topSearch").oninput = fill; fill();
}

// The picture.
{
  const N = D.nodes || [], L = D.links || [], svg = $("net"), NS = "http://www.w3.org/2000/svg";
  $("targetName").textContent = D.target || "nothing";
  const more = N.reduce((n, d) => n + d.more, 0);
  $("pictureText").textContent = N.length ? `${plural(N.length, "piece")} of memory of 64 bytes and ${plural(L.length, "link")} between them.` + (more ? ` ${num(more)} references more are not drawn.` : "") : "Nothing refers to anything.";
  // Forces: links pull, nodes push, until it is quiet. The same picture every time.
  const P = N.map((d, i) => { const a = i * 2.399963, r = 30 + 90 * d.hops + 6 * Math.sqrt(i); return { x: r * Math.cos(a), y: r * Math.sin(a), vx: 0, vy: 0 }; });
  for (let t = 0, cool = 1; t < 260; t++, cool *= .985) {
    for (let i = 0; i < P.length; i++) for (let j = i + 1; j < P.length; j++) {
      let dx = P[i].x - P[j].x, dy = P[i].y - P[j].y, q = dx * dx + dy * dy + 20, f = 3200 / q;
      dx *= f / Math.sqrt(q); dy *= f / Math.sqrt(q);
      P[i].vx += dx; P[i].vy += dy; P[j].vx -= dx; P[j].vy -= dy;
    }
    for (const [a, b] of L) { const dx = P[b].x - P[a].x, dy = P[b].y - P[a].y, r = Math.sqrt(dx * dx + dy * dy) + 1, f = (r - 70) * .02 / r; P[a].vx += dx * f; P[a].vy += dy * f; P[b].vx -= dx * f; P[b].vy -= dy * f; }
    // Wider than tall, as the frame is.
    for (const p of P) { p.vx -= p.x * .0015; p.vy -= p.y * .0035; const s = Math.hypot(p.vx, p.vy), m = Math.min(1, 12 * cool / (s || 1)); p.x += p.vx * m; p.y += p.vy * m; p.vx *= .6; p.vy *= .6; }
  }
  const make = (name, attrs, to) => { const e = document.createElementNS(NS, name); for (const k in attrs) e.setAttribute(k, attrs[k]); to.append(e); return e; };
  const world = make("g", {}, svg), lines = [], nodes = [];
  make("defs", {}, svg).innerHTML = '<marker id="tip" viewBox="0 0 8 8" refX="14" refY="4" markerWidth="7" markerHeight="7" orient="auto" markerUnits="userSpaceOnUse"><path d="M0 0L8 4L0 8z" fill="context-stroke"/></marker>';
  for (const [a, b, n] of L) lines.push(make("line", { x1: P[a].x, y1: P[a].y, x2: P[b].x, y2: P[b].y, "stroke-width": Math.min(4, 1 + Math.log2(Math.max(n, 1)) / 2), "marker-end": "url(#tip)", class: n ? "" : "jump" }, world));
  const out = N.map(() => 0), into = N.map(() => 0);
  L.forEach(([a, b]) => { out[a]++; into[b]++; });
  const roles = { target: "the target", root: "a root", chain: "on a chain", near: "near" };
  const links = i => `${plural(into[i], "link")} to it, ${out[i]} from it`;
  N.forEach((d, i) => {
    const g = make("g", { class: d.role, tabindex: 0, role: "img", transform: `translate(${P[i].x},${P[i].y})`, "aria-label": `${d.place}, ${d.addr}, ${roles[d.role]}, ${links(i)}` }, world);
    make("circle", { r: d.role === "target" ? 9 : d.role === "near" ? 5 : 7 }, g);
    make("text", {}, g).textContent = d.place;
    const tell = () => { nodes.forEach(o => o.classList.remove("on")); g.classList.add("on"); names(); $("netSay").textContent = `${d.place} (${d.addr}), ${roles[d.role]}: ${links(i)}` + (d.more ? `, ${num(d.more)} not drawn` : ""); };
    g.addEventListener("focus", tell); g.addEventListener("pointerenter", tell);
    nodes.push(g);
  });
  for (const role of ["chain", "root", "target"]) nodes.forEach((g, i) => { if (N[i].role === role) world.append(g); });
  const order = ["target", "root", "chain", "near"];
  const first = N.map((d, i) => i).sort((a, b) => order.indexOf(N[a].role) - order.indexOf(N[b].role) || N[a].hops - N[b].hops || a - b);
  let box = [-300, -200, 600, 400];
  const home = () => { if (P.length) { const xs = P.map(p => p.x), ys = P.map(p => p.y), x = Math.min(...xs) - 40, y = Math.min(...ys) - 30; const w = Math.max(...xs) - x + 160, h = Math.max(...ys) - y + 30, more = [Math.max(0, 700 - w), Math.max(0, 360 - h)]; box = [x - more[0] / 2, y - more[1] / 2, w + more[0], h + more[1]]; } };
  // names writes the names for which there is room, in letters that are as large
  // on the screen whatever the zoom; those that matter first.
  const names = () => {
    const b = svg.getBoundingClientRect(), s = Math.max(box[2] / Math.max(b.width, 1), box[3] / Math.max(b.height, 1)), taken = [];
    const size = 11 * s, on = i => nodes[i].classList.contains("on");
    for (const i of [...first.filter(on), ...first.filter(i => !on(i))]) {
      const text = nodes[i].lastChild, w = N[i].place.length * 6.7 * s, x = P[i].x + 10 * s, y = P[i].y - size / 2;
      const free = on(i) || !taken.some(t => x < t[0] + t[2] && t[0] < x + w && y < t[1] + size * 1.15 && t[1] < y + size * 1.15);
      text.style.display = free ? "" : "none";
      if (!free) continue;
      taken.push([x, y, w]);
      text.setAttribute("x", 10 * s); text.setAttribute("y", 4 * s); text.style.fontSize = size + "px"; text.style.strokeWidth = 3 * s;
    }
  };
  const frame = () => { svg.setAttribute("viewBox", box.join(" ")); names(); };
  const zoom = (f, rx, ry) => { box = [box[0] + box[2] * rx * (1 - f), box[1] + box[3] * ry * (1 - f), box[2] * f, box[3] * f]; frame(); };
  home(); frame();
  painters.push(names);
  svg.addEventListener("wheel", e => {
    if (!svg.contains(document.activeElement) && !e.ctrlKey) return;
    e.preventDefault();
    const b = svg.getBoundingClientRect();
    zoom(e.deltaY < 0 ? .85 : 1.18, (e.clientX - b.left) / b.width, (e.clientY - b.top) / b.height);
  }, { passive: false });
  svg.addEventListener("keydown", e => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const d = { ArrowUp: [0, -.1], ArrowDown: [0, .1], ArrowLeft: [-.1, 0], ArrowRight: [.1, 0] }[e.key];
    if (d) { box[0] += d[0] * box[2]; box[1] += d[1] * box[3]; frame(); }
    else if (e.key === "+" || e.key === "=") zoom(.8, .5, .5);
    else if (e.key === "-") zoom(1.25, .5, .5);
    else if (e.key === "0") { home(); frame(); }
    else return;
    e.preventDefault();
  });
  let drag = null;
  svg.addEventListener("pointerdown", e => { drag = { e, box: box.slice() }; });
  addEventListener("pointerup", () => { drag = null; });
  svg.addEventListener("pointermove", e => { if (!drag) return; const b = svg.getBoundingClientRect(), s = Math.max(drag.box[2] / b.width, drag.box[3] / b.height); box = [drag.box[0] - (e.clientX - drag.e.clientX) * s, drag.box[1] - (e.clientY - drag.e.clientY) * s, drag.box[2], drag.box[3]]; frame(); });
  // Chains.
  const unit = a => hex(BigInt(a) & ~63n), index = new Map(N.map((d, i) => [d.addr, i]));
  const show = chain => {
    const path = [...chain.words, chain.addr].map(a => index.get(unit(a)));
    lines.forEach((l, k) => { const on = path.some((p, i) => i && path[i - 1] === L[k][0] && p === L[k][1]); l.classList.toggle("chain", on); });
    nodes.forEach((g, i) => g.classList.toggle("on", path.includes(i)));
    names();
    return path.every(p => p !== undefined);
  };
  const steps = c => c.offsets.map(o => "→ " + (o.startsWith("-") ? o : "+" + o)).join(" ");
  $("walks").textContent = (D.walks || []).length ? "Walks from roots, by number of pointers: " + D.walks.map((w, i) => `${i + 1}: ${/^\d+$/.test(w) ? BigInt(w).toLocaleString("en") : w}`).join("; ") + "." : "";
  (D.chains || []).forEach((c, k) => {
    const tr = el("tr"), td = el("td"), b = el("button", "Show"); b.type = "button"; b.setAttribute("aria-label", `Show chain ${k + 1} in the picture`);
    b.onclick = () => { const whole = show(c); $("netSay").textContent = `Chain ${k + 1}: ${c.base} ${steps(c)} leads to ${c.addr}` + (whole ? "" : "; not all of it is in the picture"); svg.scrollIntoView({ block: "center" }); };
    td.append(b); tr.append(td, el("td", c.base), el("td", steps(c), "a"), el("td", c.addr, "a")); $("chainTable").tBodies[0].append(tr);
  });
  if (!(D.chains || []).length) { const tr = el("tr"), td = el("td", "No chain from the data of a module leads there with at most 5 pointers."); td.colSpan = 4; tr.append(td); $("chainTable").tBodies[0].append(tr); }
}
document.documentElement.dataset.ready = "yes";
