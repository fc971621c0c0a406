// Making elements. Data becomes text nodes and attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && typeof value !== "string" && typeof value !== "number") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** el("p", {class: "quiet", onclick: f}, "text", node, ...) */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

export const byId = (id) => document.getElementById(id);

/** Set text only when it differs: a screen that is repainted ten times a second should not be. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

/** Replace a list's children only when what it shows has changed. */
export function redraw(node, key, make) {
  const text = JSON.stringify(key);
  if (node.drawn === text) return;
  node.drawn = text;
  node.replaceChildren(...[make()].flat());
}

/** A table: heads are texts or {text, number: true}; cells are texts, nodes or {text, kind}. */
export function table(heads, rows) {
  const isNumber = heads.map((head) => Boolean(head.number));
  const head = el("tr", {}, heads.map((h, i) => el("th", { scope: "col", class: isNumber[i] ? "number" : null }, h.text ?? h)));
  const body = rows.map((cells) =>
    el("tr", {}, cells.map((cell, i) => {
      const kind = [isNumber[i] ? "number" : "", cell?.kind ?? ""].join(" ").trim();
      return el("td", { class: kind || null }, cell instanceof Node ? cell : String(cell?.text ?? cell ?? ""));
    })),
  );
  return el("table", {}, el("thead", {}, head), el("tbody", {}, body));
}

export function badge(verdict, text) {
  return el("span", { class: "badge", "data-verdict": verdict }, text);
}
