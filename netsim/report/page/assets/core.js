"use strict";
// What all pages share: elements whose content is only ever text, numbers as people read them, colours, downloads.
window.netsim = { pages: {} };

// Okabe and Ito (2008): eight colours that people with the common kinds of colour blindness can tell apart.
netsim.palette = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a7f00", "#7a7a7a"];
// For amounts: viridis, even in lightness, so that it also reads in grey.
netsim.ramp = ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725"];

// An element with attributes, listeners (onclick: …) and children. Strings become text, never HTML.
netsim.el = (tag, attributes, ...children) => {
  const svg = ["svg", "g", "path", "rect", "line", "circle", "text", "title"].includes(tag) && attributes?.svg;
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === "svg" || value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined).map((child) => (child instanceof Node ? child : String(child))));
  return element;
};

// "12.3", "1 234", "0.0012": three significant digits, thin groups; a dash for what is not there.
netsim.number = (value) => {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (Number.isInteger(value) || size >= 1000) return Math.round(value).toLocaleString("en").replaceAll(",", "\u202f");
  return String(Number(value.toPrecision(3)));
};

// With its unit, milliseconds becoming seconds, minutes and hours where they are many.
const TOLD_IN = [[7.2e6, 3.6e6, "h"], [600e3, 6e4, "min"], [10000, 1000, "s"]];
netsim.quantity = (value, unit) => {
  const [, size, longer] = (unit === "ms" && TOLD_IN.find(([from]) => Math.abs(value) >= from)) || [];
  if (longer) return `${netsim.number(value / size)} ${longer}`;
  return unit ? `${netsim.number(value)} ${unit}` : netsim.number(value);
};

netsim.css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Offer text as a file. It works on a page that was opened from a disk, too.
netsim.download = (name, text, type = "text/csv") => {
  const address = URL.createObjectURL(new Blob([text], { type }));
  netsim.el("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
};

// Rows as CSV; a leading sign that a spreadsheet would take for a formula is quoted away.
netsim.csv = (columns, rows) => {
  const cell = (value) => {
    let text = value === null || value === undefined ? "" : String(value);
    if (typeof value === "string" && /^[=+\-@\t\r\n＝＋－＠]/.test(text)) text = `'${text}`;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
};

netsim.table = (columns, rows, caption) =>
  netsim.el(
    "div",
    { class: "scroll", tabindex: 0, role: "group", "aria-label": caption ?? "Table" },
    netsim.el(
      "table",
      {},
      caption ? netsim.el("caption", {}, caption) : null,
      netsim.el("thead", {}, netsim.el("tr", {}, columns.map((name) => netsim.el("th", { scope: "col" }, name)))),
      netsim.el(
        "tbody",
        {},
        rows.map((row) =>
          netsim.el("tr", {}, row.map((value) => netsim.el("td", { class: typeof value === "number" ? "number" : null }, typeof value === "number" ? netsim.number(value) : value ?? "–"))),
        ),
      ),
    ),
  );

// A page begins: its data are read and handed to its script. An error is shown, not swallowed.
netsim.begin = (page) => {
  const main = document.querySelector("main");
  main.replaceChildren();
  netsim.pages[page](main, JSON.parse(document.getElementById("data").textContent));
  document.documentElement.dataset.ready = "true";
};
