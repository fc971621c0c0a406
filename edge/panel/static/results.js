// Results: the filter lives in the address, so that going back and sharing a link give the same list.

import { get } from "./api.js";
import { trouble } from "./dialog.js";
import { badge, byId, el, say } from "./dom.js";
import { showKinds } from "./kinds.js";
import { watchStation } from "./station_poll.js";
import { reasonText, t, time, word } from "./words.js";

const PAGE = 24;
const FIELDS = ["verdict", "lot", "reason", "purpose", "since", "until"];
const form = byId("filter");
let trail = []; // before_row of the pages before this one
let next = null;

function filterFromForm() {
  const data = new FormData(form);
  return Object.fromEntries(FIELDS.map((name) => [name, String(data.get(name) ?? "").trim()]));
}

function fillForm(parameters) {
  for (const name of FIELDS) {
    const field = form.elements[name];
    if (field && parameters.get(name)) field.value = parameters.get(name);
  }
}

/** The browser's local time as ISO 8601 UTC, as the ledger keeps it. */
function utc(local) {
  return local ? new Date(local).toISOString() : "";
}

async function show(beforeRow = null) {
  const filter = filterFromForm();
  const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value));
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
  sessionStorage.setItem("edge.results", query.toString());
  try {
    const page = await get("/parts", { ...filter, since: utc(filter.since), until: utc(filter.until), before_row: beforeRow, limit: PAGE });
    trouble(page.notes?.length ? new Error(page.notes.map((note) => t(note.message)).join(" · ")) : null);
    next = page.parts.length === PAGE ? page.before_row : null;
    byId("parts").replaceChildren(...page.parts.map(row));
    say(byId("shown"), page.parts.length ? t("{n} parts", { n: page.parts.length }) : t("No part fits this choice."));
  } catch (error) {
    trouble(error);
  }
  if (beforeRow === null) showKinds(byId("kinds"), { lot: filter.lot, since: utc(filter.since), until: utc(filter.until) });
  byId("newer").disabled = trail.length === 0;
  byId("older").disabled = next === null;
}

function row(part) {
  const { epoch, n } = part.part;
  const image = part.images[0];
  const label = part.label ? el("span", { class: "tag" }, t("label: {verdict}", { verdict: [word("verdict", part.label.verdict), part.label.kind].filter(Boolean).join(" · ") })) : null;
  const about = [part.lot, part.purpose === "production" ? "" : word("purpose", part.purpose), part.gate ? word("gate", part.gate) : ""];
  return el("li", {}, el("a", { href: `/results/${epoch}/${n}` },
    image ? el("img", { class: "thumb", src: image.url, alt: "", loading: "lazy", decoding: "async" }) : el("span", { class: "thumb" }, t("no picture")),
    el("div", {},
      el("div", { class: "line" }, badge(part.verdict, word("verdict", part.verdict)), el("b", {}, t("Part {number}", { number: n })), el("span", { class: "quiet" }, time(part.at)), label),
      part.reasons.length ? el("p", {}, part.reasons.map(reasonText).join("; ")) : null,
      el("p", { class: "quiet" }, about.filter(Boolean).join(" · ")))));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  trail = [];
  show();
});
form.addEventListener("change", () => {
  trail = [];
  show();
});
form.addEventListener("reset", () => setTimeout(() => {
  trail = [];
  show();
}));
byId("older").addEventListener("click", () => {
  trail.push(next);
  show(next);
});
byId("newer").addEventListener("click", () => {
  trail.pop();
  show(trail.at(-1) ?? null);
});
fillForm(new URLSearchParams(location.search));
show();
watchStation();
