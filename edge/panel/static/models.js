// Models in use, what is proposed to follow them, and everything that was ever changed: one look, and who may do what next.

import { get } from "./api.js";
import { changeCard } from "./change_card.js";
import { trouble } from "./dialog.js";
import { byId, el, redraw, say, show, table } from "./dom.js";
import { watchStation } from "./station_poll.js";
import { number, score, t, time } from "./words.js";

const AGAIN_MS = 2000;
const OPEN = new Set(["proposed", "approved", "challenge", "failed"]);
const reports = new Map(); // change -> its report, asked for once
let attempts = new Map(); // change -> the correction that it was proposed from
let active = null;

async function poll() {
  try {
    const { changes } = await get("/changes");
    await Promise.all(changes.filter((one) => one.has_report && !reports.has(one.change) && OPEN.has(one.stage)).map(fetchReport));
    drawChanges(changes);
    trouble(null);
  } catch (error) {
    trouble(error);
  } finally {
    setTimeout(poll, AGAIN_MS);
  }
}

async function fetchReport(change) {
  reports.set(change.change, (await get(`/changes/${change.change}/report`)).report);
}

/** What waits for somebody is open at the top; the rest is history, newest first. */
function drawChanges(changes) {
  const card = (one) => changeCard(one, { report: reports.get(one.change), correction: attempts.get(one.change), again });
  const waiting = changes.filter((one) => OPEN.has(one.stage));
  const past = changes.filter((one) => !OPEN.has(one.stage));
  redraw(byId("open"), [waiting, [...attempts]], () => (waiting.length ? waiting.map(card) : [el("p", { class: "quiet" }, t("Nothing is proposed."))]));
  redraw(byId("history"), past, () => (past.length ? past.map(card) : [el("p", { class: "quiet" }, t("Nothing was changed yet."))]));
}

async function again() {
  try {
    drawChanges((await get("/changes")).changes);
  } catch (error) {
    trouble(error);
  }
}

async function drawModels() {
  try {
    const { recipe, models } = await get("/models");
    say(byId("recipe"), recipe ? `${recipe.name}@${recipe.version}` : "");
    byId("in-use").replaceChildren(...(models.length ? models.map(model) : [el("p", { class: "quiet" }, t("No recipe is active"))]));
    attempts = new Map((await get("/corrections")).corrections.filter((row) => row.change).map((row) => [row.change, row.id]));
  } catch (error) {
    trouble(error);
  }
}

function model(one) {
  const facts = [one.pictures === null ? "" : t("taught with {n} pictures", { n: number(one.pictures) }),
    t("unsure from {unsure}, NG from {ng}", { unsure: score(one.unsure_from), ng: score(one.ng_from) }), one.digest];
  return el("div", { class: "model" },
    el("h3", {}, one.model, " ", el("span", { class: "quiet" }, `${one.camera} · ${one.check}`)),
    el("p", { class: "quiet" }, facts.filter(Boolean).join(" · ")),
    one.trouble ? el("p", { class: "complaint" }, [t(one.trouble.message), t(one.trouble.hint)].filter(Boolean).join(". ")) : null,
    one.history.length ? el("div", { class: "scroll" }, lineage(one.history)) : null);
}

/** Which version is from which, by whom, why, and from which parts. */
function lineage(history) {
  const heads = [t("Version"), t("Made from"), t("By"), t("Time"), t("Why"), t("Parts"), t("Limits")];
  return table(heads, history.map((one) => [
    String(one.version), one.parent, one.by, time(one.made_at), one.reason, parts(one),
    one.limits_before.map(score).join(" / ") === one.limits_after.map(score).join(" / ") ? t("as before") : `${score(one.limits_before[0])} → ${score(one.limits_after[0])}`,
  ]));
}

function parts(one) {
  const count = t("{good} good parts, {defects} defects", { good: one.good.length, defects: one.defects.length });
  const let_go = one.accepted.length ? ` · ${t("{n} defects let go", { n: one.accepted.length })}` : "";
  const names = [...one.good, ...one.defects];
  return el("details", {}, el("summary", {}, count + let_go), el("ul", { class: "names" }, names.map((name) => el("li", {}, name))));
}

function onState(state) {
  const now = state.line?.active ? `${state.line.active.name}@${state.line.active.version}` : "";
  if (now === active) return;
  active = now;
  drawModels();
}

show(byId("trouble"), false);
poll();
watchStation(onState);
