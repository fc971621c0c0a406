// What is known about a part, in tables: its judgement against the limits, its gate, its timings, its labels.

import { el, svg, table } from "./dom.js";
import { number, reasonText, score, t, time, word } from "./words.js";

/** A score on a line from 0 past the NG limit: grey band and red band where the recipe put them. */
export function scale(item) {
  const end = Math.max(item.ng_from * 1.5, item.score * 1.1, item.unsure_from * 1.5, 1e-9);
  const at = (value) => Math.max(0, Math.min(1000, (1000 * value) / end));
  const band = (kind, from, to) => svg("rect", { class: kind, x: at(from), y: 5, width: Math.max(0, at(to) - at(from)), height: 12 });
  return svg("svg", { class: "scale", viewBox: "0 0 1000 22", preserveAspectRatio: "none", "aria-hidden": "true" },
    band("ground", 0, item.unsure_from), band("grey", item.unsure_from, item.ng_from), band("red", item.ng_from, end),
    svg("line", { class: "mark", x1: at(item.score), x2: at(item.score), y1: 1, y2: 21 }));
}

function scoreKind(item) {
  if (item.score >= item.ng_from) return "bad";
  return item.score >= item.unsure_from ? "odd" : "";
}

export function scoresCard(results) {
  const rows = results.flatMap((result) => result.scores.map((item) => [
    [result.view, item.check, item.label].filter(Boolean).join(" · "),
    { text: score(item.score), kind: scoreKind(item) }, score(item.unsure_from), score(item.ng_from), scale(item),
  ]));
  if (!rows.length) return null;
  const heads = [t("Check"), { text: t("Score"), number: true }, { text: t("Unsure from"), number: true }, { text: t("NG from"), number: true }, ""];
  return el("section", { class: "card" }, el("h2", {}, t("Scores")), el("div", { class: "scroll" }, table(heads, rows)));
}

export function reasonsCard(part) {
  const all = [...part.record.reasons, ...part.record.results.flatMap((result) => result.reasons)];
  const texts = [...new Set(all.map(reasonText))];
  return el("section", { class: "card" },
    el("p", { class: "line" }, el("span", { class: "badge", "data-verdict": part.record.verdict }, word("verdict", part.record.verdict)), " ",
      el("b", {}, part.gate ? word("gate", part.gate.outcome) : t("not yet past the gate"))),
    texts.length ? el("ul", { class: "reasons" }, texts.map((text) => el("li", {}, text))) : el("p", { class: "quiet" }, t("Nothing stood out.")));
}

function pairs(items) {
  return el("dl", { class: "facts" }, items.filter(([, value]) => value !== "" && value !== null && value !== undefined)
    .flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value))]));
}

export function factsCard(part) {
  const { trigger, record } = part;
  const recipe = trigger.recipe ? `${trigger.recipe.name}@${trigger.recipe.version}` : t("none");
  const before = (record.cutoff_ns - record.decided_ns) / 1e6;
  const spare = before >= 0 ? t("{n} ms before the cut-off", { n: number(before) }) : t("{n} ms after the cut-off: not acted on", { n: number(-before) });
  return el("section", { class: "card" }, el("h2", {}, t("Record")), pairs([
    [t("Part id"), `${trigger.part.station}/${trigger.part.epoch}/${trigger.part.n}`],
    [t("Time"), time(trigger.wall)], [t("Lot"), trigger.lot], [t("Purpose"), word("purpose", trigger.purpose)],
    [t("Recipe"), recipe], [t("Mode"), word("mode", trigger.mode)], [t("Announced by"), word("trigger", trigger.source)],
    [t("Decided"), spare], [t("Models"), trigger.models.join(", ")],
  ]));
}

export function timingsCard(results) {
  const timed = results.filter((result) => result.timings);
  if (!timed.length) return null;
  const ms = (us) => number(us / 1000, 1);
  const heads = [t("Camera"), ...[t("Waited"), t("Prepared"), t("Model"), t("From exposure to verdict")].map((text) => ({ text: `${text} (ms)`, number: true }))];
  const rows = timed.map(({ view, timings }) => [view, ms(timings.waited_us), ms(timings.prepare_us), ms(timings.model_us), ms(timings.total_us)]);
  return el("section", { class: "card" }, el("h2", {}, t("Timings")), el("div", { class: "scroll" }, table(heads, rows)));
}

export function labelsCard(part, actions) {
  const rows = part.labels.map((label) => [[word("verdict", label.verdict), label.kind].filter(Boolean).join(" · "), label.by, time(label.at), label.note]);
  const heads = [t("Label"), t("By"), t("Time"), t("Note")];
  return el("section", { class: "card" }, el("h2", {}, t("Labels")),
    rows.length ? el("div", { class: "scroll" }, table(heads, rows)) : el("p", { class: "quiet" }, t("Nobody has labelled this part.")), actions);
}
