// What must be seen on every page, whatever it shows: connection lost, the line silent, BYPASS, a stopped line that waits
// for a person, parts that do not count as production.

import { byId, el, redraw } from "./dom.js";
import { duration, t, time, word } from "./words.js";

const LINE_SILENT_MS = 3000;
const showsNow = document.documentElement.dataset.page === "live"; // records stay readable while the line is down
const facts = { lostSince: null, lostWhy: "", line: null, heardMs: 0, heardAt: 0 };

/** The panel itself is not heard since this wall time (ms); null: it is. why: a sentence, when it is known. */
export function setLost(sinceMs, why = "") {
  facts.lostSince = sinceMs;
  facts.lostWhy = why;
  draw();
}

/** line: what `line` said last, or null; heardMs: how old that is. */
export function setLine(line, heardMs) {
  facts.line = line;
  facts.heardMs = heardMs;
  facts.heardAt = Date.now();
  draw();
}

/** True while nothing on the page may be taken for what the line does now. */
export function stale() {
  return facts.lostSince !== null || lineSilent();
}

function lineSilent() {
  return facts.line === null || facts.heardMs === null || facts.heardMs > LINE_SILENT_MS;
}

function found() {
  if (facts.lostSince !== null) {
    const since = { since: time(facts.lostSince), ago: duration(Date.now() - facts.lostSince) };
    const old = t("{ago} ago. What is below is old: do not rely on it.", since);
    return [["lost", t("Connection lost since {since}", since), `${old} ${facts.lostWhy}`.trim()]];
  }
  if (facts.heardAt === 0) return [];
  if (lineSilent()) {
    const since = facts.line && facts.heardMs ? t("Since {since}", { since: time(facts.heardAt - facts.heardMs) }) : "";
    return [["lost", t("The line process is silent"), [since, t("The gate rejects everything.")].filter(Boolean).join(" · ")]];
  }
  return lineBanners(facts.line);
}

function lineBanners(line) {
  const banners = [];
  if (line.mode === "BYPASS") {
    const left = !line.bypass_left_ms ? "" : t("{left} left.", { left: duration(line.bypass_left_ms) });
    banners.push(["bypass", t("BYPASS: parts pass uninspected"), `${left} ${t("The lot is on hold.")}`.trim()]);
  }
  if (line.latched) banners.push(["latched", t("The line stopped itself"), t("Find the cause, then press Reset on the live page.")]);
  if (line.trial) {
    const recipe = line.active ? `${line.active.name}@${line.active.version}` : "";
    banners.push(["purpose", t("{recipe} is being challenged", { recipe }), t("Everything is rejected until it has caught the bad parts.")]);
  } else if (line.purpose !== "production") {
    banners.push(["purpose", word("purpose", line.purpose), t("These parts do not count in the yield.")]);
  }
  return banners;
}

function draw() {
  const banners = found();
  document.body.classList.toggle("stale", facts.lostSince !== null || (showsNow && facts.heardAt > 0 && lineSilent()));
  redraw(byId("banners"), banners, () =>
    banners.map(([kind, title, more]) => el("p", { class: `banner ${kind}` }, title, el("span", {}, more))));
}

setInterval(draw, 1000);
