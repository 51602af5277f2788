"use strict";
const $ = id => document.getElementById(id);
const all = (selector, within) => [...(within || document).querySelectorAll(selector)];
const num = n => n.toLocaleString("en");
const say = text => { $("said").textContent = text; };

// Colours: as the system has them, or as chosen. What was chosen is kept where the browser lets a
// file keep anything.
const theme = $("theme");
function paint(choice) {
  if (choice) document.documentElement.dataset.theme = choice; else delete document.documentElement.dataset.theme;
}
try { theme.value = localStorage.getItem("vscan-theme") || ""; } catch { /* it is not kept */ }
if (theme.selectedIndex < 0) theme.value = "";
paint(theme.value);
theme.addEventListener("change", () => {
  paint(theme.value);
  try { localStorage.setItem("vscan-theme", theme.value); } catch { /* it is not kept */ }
});

// Sorting: a button in each head of a column. Numbers begin with the largest, names with the
// first; rows that are equal stay in the order that they were written in.
const valueOf = (cell, number) => number ? (cell.dataset.v ? BigInt(cell.dataset.v) : -1n) : cell.textContent;
const compare = (a, b) => typeof a === "bigint" ? (a < b ? -1 : a > b ? 1 : 0) : a.localeCompare(b, "en", { numeric: true });
function sort(table, head, column) {
  const number = head.hasAttribute("data-number"), was = head.getAttribute("aria-sort");
  const order = was ? (was === "ascending" ? "descending" : "ascending") : number ? "descending" : "ascending";
  for (const h of all("thead th[aria-sort]", table)) h.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", order);
  const rows = table.rowsAsWritten.map((row, k) => ({ row, k, value: valueOf(row.cells[column], number) }));
  rows.sort((a, b) => (order === "ascending" ? 1 : -1) * compare(a.value, b.value) || a.k - b.k);
  table.tBodies[0].append(...rows.map(r => r.row));
  say(`sorted by ${head.textContent}, ${order}`);
}
for (const table of all("table[data-sort]")) {
  table.rowsAsWritten = [...table.tBodies[0].rows];
  all("thead th", table).forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(table, head, column));
  });
}

// Filters: rows by any text in them, and columns of the matrix by the pattern's name. What is
// searched for may be in either case.
const count = id => all(`output[data-count=${id}]`).forEach(o => {
  const rows = $(id).rowsAsWritten, shown = rows.filter(r => !r.hidden).length;
  const names = all("thead th[data-name]", $(id)), columns = names.filter(h => !h.hidden).length;
  o.textContent = `${num(shown)} of ${num(rows.length)} rows` + (names.length ? `, ${num(columns)} of ${num(names.length)} patterns` : "");
});
for (const input of all("input[data-filter]")) {
  const id = input.dataset.filter, rows = $(id).rowsAsWritten.map(row => ({ row, text: (id === "matrixTable" ? row.cells[0] : row).textContent.toLowerCase() }));
  input.addEventListener("input", () => {
    const want = input.value.toLowerCase();
    for (const r of rows) r.row.hidden = !r.text.includes(want);
    count(id);
  });
}
for (const input of all("input[data-columns]")) {
  const table = $(input.dataset.columns);
  input.addEventListener("input", () => {
    const want = input.value.toLowerCase();
    all("thead th", table).forEach((head, column) => {
      if (!head.hasAttribute("data-name")) return;
      const hide = !head.textContent.toLowerCase().includes(want);
      if (head.hidden !== hide) for (const row of table.rows) row.cells[column].hidden = hide;
    });
    count(table.id);
  });
}
for (const o of all("output[data-count]")) count(o.dataset.count);
for (const e of all(".script")) e.hidden = false;
document.documentElement.dataset.ready = "yes";
