// What the station has taught again by itself: how far it is, what came of it, and why nothing came of it.

import { get } from "./api.js";
import { byId, el, redraw, show } from "./dom.js";
import { looksTable, outcome } from "./retaught_looks.js";
import { number, t, word } from "./words.js";

const WORKS_MS = 1000;
const REST_MS = 10000;
const BAD = ["failed", "interrupted"];

function model(one) {
  const looks = one.looks.length ? el("details", {}, el("summary", {}, t("What has changed: {n}", { n: number(one.looks.length) })), looksTable(one.looks)) : null;
  return el("div", {}, el("h3", {}, t("{model} of recipe {recipe}", { model: one.model, recipe: one.recipe })), looks, el("div", { class: "row" }, outcome(one)));
}

function draw({ job, models }) {
  const works = Boolean(job) && !job.ended_at;
  const found = models.filter((one) => one.looks.length || one.trouble);
  const bad = Boolean(job) && BAD.includes(job.state) && !found.length;
  show(byId("retaught"), works || bad || found.length > 0);
  redraw(byId("retaught"), [works && job.steps, bad && job.id, found], () => {
    const step = works && job.steps.length ? `: ${word("step", job.steps[job.steps.length - 1].step)}` : "";
    return [el("h2", {}, t("Taught again by itself")),
      el("p", { class: "quiet" }, t("Parts are looked at otherwise than when these models were taught. The line goes on as before until quality has approved.")),
      works || bad ? el("p", {}, `${word("job_state", job.state)}${step}`) : null, ...found.map(model)].filter(Boolean);
  });
  return works;
}

async function poll() {
  let works = false;
  try {
    works = draw(await get("/retaught"));
  } catch {
    show(byId("retaught"), false); // the page itself says that the panel does not answer
  } finally {
    setTimeout(poll, works ? WORKS_MS : REST_MS);
  }
}

poll();
