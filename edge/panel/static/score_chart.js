// How many parts have which score, with the limits of UNSURE and NG: good parts grey, odd ones yellow, known defects red.

import { el, svg } from "./dom.js";
import { score, t } from "./words.js";

const BINS = 40;
const [WIDTH, HEIGHT, FOOT, HEAD] = [1000, 300, 34, 52];
const LABEL = 250; // the longest words beside a limit

function binned(values, from, width) {
  const counts = new Array(BINS).fill(0);
  for (const value of values) counts[Math.max(0, Math.min(BINS - 1, Math.floor((value - from) / width)))] += 1;
  return counts;
}

/** good, odd, defects: scores. What lies far beyond NG is counted in the last bar. */
export function scoreChart({ good, odd, defects, unsure_from: unsure, ng_from: ng }) {
  const from = Math.min(unsure, ...good, ...odd, ...defects) * 0.95;
  const to = Math.max(ng * 1.25, Math.min(Math.max(...good, ...odd, ...defects), ng * 2)) * 1.02;
  const beyond = Math.max(...good, ...odd, ...defects) > to;
  const width = (to - from) / BINS;
  const kinds = { good, odd, defect: defects };
  const counts = Object.entries(kinds).map(([kind, values]) => [kind, binned(values, from, width)]);
  const heaped = new Array(BINS).fill(0).map((_, i) => counts.reduce((sum, [, of]) => sum + of[i], 0));
  const top = Math.max(1, ...heaped);
  const x = (value) => (WIDTH * (value - from)) / (to - from);
  const tall = (n) => ((HEIGHT - FOOT - HEAD) * n) / top;
  const ground = HEIGHT - FOOT;
  const below = new Array(BINS).fill(0);
  const bars = counts.flatMap(([kind, of]) => of.map((n, i) => {
    below[i] += n;
    return n && svg("rect", { class: kind, x: (WIDTH * i) / BINS + 2, width: WIDTH / BINS - 4, y: ground - tall(below[i]), height: tall(n) }, svg("title", {}, String(n)));
  })).filter(Boolean);
  const zone = (kind, a, b) => svg("rect", { class: kind, x: x(a), y: HEAD, width: Math.max(0, x(b) - x(a)), height: ground - HEAD });
  return svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": t("How many parts have which score") },
    zone("unsure-zone", unsure, ng), zone("ng-zone", ng, to), bars,
    svg("line", { class: "axis", x1: 0, x2: WIDTH, y1: ground, y2: ground }),
    limit(x(unsure), 0, t("unsure from {limit}", { limit: score(unsure) }), x(unsure) > LABEL ? "end" : "start"),
    limit(x(ng), 24, t("NG from {limit}", { limit: score(ng) }), "start"),
    svg("text", { class: "tick", x: 2, y: HEIGHT - 12 }, score(from)), svg("text", { class: "tick", x: WIDTH / 2, y: HEIGHT - 12, "text-anchor": "middle" }, `${t("score")} →`), svg("text", { class: "tick", x: WIDTH - 2, y: HEIGHT - 12, "text-anchor": "end" }, beyond ? `≥ ${score(to)}` : score(to)));
}

function limit(place, lower, words, anchor) {
  const near = anchor === "end" ? place - 6 : place + 6;
  return svg("g", {}, svg("line", { class: "limit", x1: place, x2: place, y1: lower + 4, y2: HEIGHT - FOOT }),
    svg("text", { x: near, y: lower + 18, "text-anchor": anchor }, words));
}

export function chartLegend(odd, defects) {
  return el("ul", { class: "legend" }, el("li", {}, el("i", { class: "good" }), t("good parts, each judged by a model without it")),
    odd ? el("li", {}, el("i", { class: "odd" }), t("pictures that may show a defect")) : null,
    defects ? el("li", {}, el("i", { class: "defect" }), t("known defects")) : null);
}
