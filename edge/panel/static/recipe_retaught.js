// Whether this recipe looks at parts otherwise than its models were taught, and what was taught for it since.

import { get } from "./api.js";
import { byId, el, redraw, show } from "./dom.js";
import { outcome } from "./retaught_looks.js";
import { t } from "./words.js";

const WORKS_MS = 1000;
const REST_MS = 10000;
const { name, version } = byId("recipe").dataset;

function model(one) {
  return el("div", {}, el("p", { class: "odd" }, t("This version looks at parts otherwise than {model} was taught. What it says of them cannot be trusted until a model that was taught for it has taken its place.", { model: one.model })),
    el("div", { class: "row" }, outcome(one)));
}

async function poll() {
  let works = false;
  try {
    const { job, models } = await get("/retaught");
    works = Boolean(job) && !job.ended_at;
    const found = models.filter((one) => one.recipe === `${name}@${version}` && one.looks.length);
    show(byId("retaught"), works || found.length > 0);
    redraw(byId("retaught"), [works, found], () => (works ? [el("p", {}, t("What was taught here is being taught again."))] : found.map(model)));
  } catch {
    show(byId("retaught"), false); // the page itself says that the panel does not answer
  } finally {
    setTimeout(poll, works ? WORKS_MS : REST_MS);
  }
}

poll();
