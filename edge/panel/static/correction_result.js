// What a corrected version would change: verdicts of known and stored parts, scores of the chosen ones, limits.

import { badge, el, table } from "./dom.js";
import { pictureOf } from "./tiles.js";
import { number, percent, score, t, word } from "./words.js";

const SHOWN = 60;
const CLOSE = 2e-4; // limits are told with four digits

/** The whole result as nodes. acts: {propose(), again(changes, title, words)}; left out where nothing can be done. */
export function resultOf(correction, acts = null) {
  const { report } = correction;
  return [
    report.accepted ? accepted(correction, acts) : refused(correction, acts),
    figures(report),
    changes(correction),
    scores(correction),
    limits(report),
  ].filter(Boolean);
}

/** Parts whose pictures score as good parts do: there is nothing in them that the detector does not know. */
function learntNothing({ parts, before, unsure_from: unsure, ng_from: ng }) {
  const same = parts.every((one) => one.score_before === one.score_after);
  return same && near(before, { unsure_from: unsure }) && Math.abs(before.ng_from - ng) < CLOSE;
}

function accepted({ report, change }, acts) {
  if (learntNothing(report)) {
    return el("section", { class: "card outcome" }, el("h2", {}, t("Nothing was learnt")),
      el("p", {}, t("The pictures of these parts score as good ones do: the detector knows them. Choose other parts, or change the limits in the recipe.")));
  }
  const button = change || !acts ? null : el("button", { type: "button", class: "primary", id: "propose", onclick: acts.propose }, t("Propose for use"));
  return el("section", { class: "card outcome" },
    el("h2", {}, change ? t("{model} is proposed", { model: report.model }) : t("{model} is ready. It is not in use.", { model: report.model })),
    el("p", {}, t("No known defect is lost. Look at what changes before you propose it.")),
    el("div", { class: "row" }, button, change ? el("a", { class: "button", href: "/models" }, t("See the proposal")) : null));
}

/** Never silently: a lost defect is let go by name, by a person, and judged again. */
function refused({ report, pictures }, acts) {
  const { lost, stopped, flipped } = report.replay;
  const words = [];
  if (flipped.length) words.push(t("{n} limit samples would get another answer. Their answer is fixed.", { n: flipped.length }));
  else if (lost.length) words.push(t("{n} known defects would pass.", { n: lost.length }));
  else if (stopped.length) words.push(t("{n} good parts that passed would be stopped.", { n: stopped.length }));
  else words.push(t(report.refused));
  return el("section", { class: "card outcome refused" }, el("h2", {}, t("Refused: nothing was made")), words.map((text) => el("p", {}, text)),
    el("p", { class: "quiet" }, t("Choose other parts, or label the defects below and use them too.")),
    acts && lost.length && !flipped.length ? letGo(lost, seen(pictures), acts) : null,
    acts && !lost.length && !flipped.length && stopped.length ? el("div", { class: "row" }, el("button", { type: "button", onclick: () =>
      acts.again({ stops_more: true }, t("Stop more good parts?"), t("The next try may stop good parts that passed until now.")) }, t("Try again and stop them"))) : null);
}

function letGo(lost, known, acts) {
  const boxes = lost.map((name) => el("input", { type: "checkbox", value: name }));
  const button = el("button", { type: "button", disabled: true, onclick: () => acts.again(
    { let_go: boxes.filter((box) => box.checked).map((box) => box.value) },
    t("Let known defects pass?"), t("The ticked defects may pass from then on. Your name stands with it.")) }, t("Try again and let the ticked ones pass"));
  const list = el("div", { class: "let-go" }, boxes.map((box) => el("label", {}, box, nameOf(box.value, known.get(box.value)))));
  list.addEventListener("change", () => {
    button.disabled = !boxes.some((box) => box.checked);
  });
  return el("details", {}, el("summary", {}, t("Let known defects pass")), list, el("div", { class: "row" }, button));
}

export function figures(report) {
  const { replay } = report;
  const item = (name, value, kind = "") => el("div", { class: kind }, el("dt", {}, name), el("dd", {}, value));
  return el("dl", { class: "figures" },
    item(t("Judged again"), number(replay.seen)),
    item(t("Other verdicts"), number(replay.changes.length)),
    item(t("Known defects lost"), number(replay.lost.length), replay.lost.length ? "bad" : ""),
    item(t("Good parts newly stopped"), number(replay.stopped.length), replay.stopped.length ? "odd" : ""),
    item(t("Unsure from"), arrow(report.before.unsure_from, report.unsure_from)),
    item(t("NG from"), arrow(report.before.ng_from, report.ng_from)),
    replay.samples ? item(t("Limit samples kept"), `${number(replay.samples - replay.flipped.length)} / ${number(replay.samples)}`, replay.flipped.length ? "bad" : "") : null,
    replay.unreadable.length ? item(t("Pictures not readable"), number(replay.unreadable.length), "odd") : null);
}

function arrow(before, after) {
  return score(before) === score(after) ? t("{value}, as before", { value: score(after) }) : `${score(before)} → ${score(after)}`;
}

/** What is worst comes first: lost defects, then good parts that would be stopped. */
function changes({ report, pictures }) {
  const { replay } = report;
  const lost = new Set(replay.lost);
  const stopped = new Set(replay.stopped);
  const rank = (one) => (lost.has(one.name) ? 0 : stopped.has(one.name) ? 1 : 2);
  const known = seen(pictures);
  const all = once([...replay.changes].sort((a, b) => rank(a) - rank(b)), known);
  const stored = replay.stored ? t("{pictures} of the last {parts} parts have a picture and were judged again.", replay.stored) : "";
  return el("section", { class: "card" }, el("h2", {}, t("What changes")),
    el("p", { class: "quiet" }, stored),
    all.length ? el("ol", { class: "tiles" }, all.slice(0, SHOWN).map((one) => changed(one, known.get(one.name), ["lost", "more", ""][rank(one)]))) : el("p", {}, t("No verdict changes.")),
    all.length > SHOWN ? el("p", { class: "quiet" }, t("and {n} more", { n: all.length - SHOWN })) : null);
}

/** Where the report's parts are seen, by name. */
function seen(pictures) {
  return new Map((pictures ?? []).map((one) => [one.name, one]));
}

/** A part that was learnt from is judged twice: as it was kept, and as the package keeps it. */
function once(all, known) {
  const pages = new Set();
  return all.filter(({ name }) => {
    const page = known.get(name)?.page;
    if (!page) return true;
    if (pages.has(page)) return false;
    return pages.add(page);
  });
}

function nameOf(name, place) {
  return place ? t("Part {number}", { number: place.page.split("/").pop() }) : name;
}

function changed(one, place, kind) {
  const told = { good: t("known as good"), defect: t("known as a defect") }[one.label] ?? "";
  const nodes = [
    pictureOf({ url: place?.url }),
    el("span", { class: "line" }, one.from ? badge(one.from, word("verdict", one.from)) : null, "→", badge(one.to, word("verdict", one.to))),
    el("p", {}, [kind === "lost" ? t("This defect would pass") : kind === "more" ? t("This good part would be stopped") : told].filter(Boolean)),
    one.score_to === null ? null : el("p", { class: "quiet" }, `${one.score_from === null ? "" : `${score(one.score_from)} → `}${score(one.score_to)}`),
    el("p", { class: "quiet" }, nameOf(one.name, place)),
  ];
  return el("li", {}, place ? el("a", { class: `tile ${kind}`, href: place.page }, nodes) : el("div", { class: `tile ${kind}` }, nodes));
}

function scores({ report, pictures }) {
  if (!report.parts.length) return null;
  const known = seen(pictures);
  const name = (one) => (known.has(one.name) ? el("a", { href: known.get(one.name).page }, nameOf(one.name, known.get(one.name))) : one.name);
  const heads = [t("Part"), t("Label"), { text: t("Score before"), number: true }, { text: t("Score after"), number: true }, t("Now")];
  const rows = report.parts.map((one) => [name(one), one.defect ? t("defect") : t("good"), score(one.score_before), score(one.score_after), verdict(one.score_after, report)]);
  return el("section", { class: "card" }, el("h2", {}, t("What was learnt")), el("div", { class: "scroll" }, table(heads, rows)));
}

function verdict(value, { unsure_from: unsure, ng_from: ng }) {
  const now = value >= ng ? "NG" : value >= unsure ? "UNSURE" : "OK";
  return badge(now, word("verdict", now));
}

function near(one, other) {
  return Math.abs(one.unsure_from - other.unsure_from) < CLOSE;
}

/** Limits to choose from: what each would stop and let pass of the parts that are known. They are set in the recipe. */
function limits({ limits: settings, proposed }) {
  if (!settings) return null;
  const heads = [{ text: t("Unsure from"), number: true }, { text: t("Good parts stopped"), number: true }, { text: t("Known defects that pass"), number: true }, ""];
  const rows = settings.table.map((row) => {
    const names = [near(row, settings.before) ? t("now") : "", near(row, settings.after) ? t("this correction") : "",
      proposed && near(row, proposed) ? t("what the known parts ask for") : ""];
    return [number(row.unsure_from, 3), `${number(row.stopped_good)} / ${number(row.good)} (${percent(row.stopped_good, row.good)})`,
      { text: `${number(row.escapes)} / ${number(row.defects)}`, kind: row.escapes ? "odd" : "" }, names.filter(Boolean).join(", ")];
  });
  const made = table(heads, rows);
  made.querySelectorAll("tbody tr").forEach((tr, i) => tr.classList.toggle("now", Boolean(rows[i][3])));
  const held = proposed?.held_by.length ? el("p", {}, t("Not higher, for the sake of: {names}", { names: proposed.held_by.slice(0, 5).join(", ") })) : null;
  return el("section", { class: "card" }, el("h2", {}, t("What other limits would mean")),
    el("p", { class: "quiet" }, t("Counted on the parts that are known. Limits are changed in the recipe.")), held, el("div", { class: "scroll" }, made));
}
