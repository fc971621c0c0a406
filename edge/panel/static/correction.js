// One correction: how far its job is, then what the new version would change, before anybody proposes it.

import { get, post } from "./api.js";
import { resultOf } from "./correction_result.js";
import { stateWords } from "./correction_state.js";
import { open, trouble } from "./dialog.js";
import { byId, el, redraw, say, show } from "./dom.js";
import { progressOf } from "./job_progress.js";
import { troubleWords } from "./job_words.js";
import { nameField, take } from "./person.js";
import { watchStation } from "./station_poll.js";
import { t, time } from "./words.js";

const AGAIN_MS = 800;
const { number } = byId("correction").dataset;
const address = `/corrections/${number}`;

function about({ request }) {
  const { wanted } = request;
  const what = t("{good} good parts, {defects} defects", { good: wanted.good.length, defects: wanted.defects.length });
  say(byId("about"), [request.model, what, wanted.by, time(request.at), wanted.reason].filter(Boolean).join(" · "));
}

async function cancel(job) {
  await open({
    title: t("Cancel this job?"),
    fields: [el("p", {}, t("Nothing is kept of it.")), nameField()],
    confirm: t("Cancel the job"),
    act: (data) => post(`/jobs/${job.id}/cancel`, { by: take(data) }),
  });
  poll();
}

/** The same parts again; lost defects that may pass, and more good parts that may be stopped, are said by name. */
async function again(wanted, changes, title, words) {
  let made = null;
  const done = await open({
    title,
    fields: [el("p", {}, words), nameField()],
    confirm: t("Try again"),
    act: async (data) => {
      made = await post("/corrections", { ...wanted, ...changes, by: take(data) });
    },
  });
  if (done) location.assign(`/models/corrections/${made.id}`);
}

async function propose(correction) {
  const { report, request } = correction;
  const done = await open({
    title: t("Propose {model} for use?", { model: report.model }),
    fields: [
      el("p", {}, t("Quality looks at it and approves it. Until then the line judges as before.")),
      nameField(),
      el("label", {}, t("Why"), el("input", { name: "reason", required: true, maxlength: 200, value: request.wanted.reason })),
    ],
    confirm: t("Propose"),
    act: (data) => post(`${address}/propose`, { by: take(data), reason: data.reason.trim() }),
  });
  if (done) location.assign("/models");
}

function draw(correction) {
  const { job, report, change } = correction;
  about(correction);
  const ended = Boolean(report) || !job || Boolean(job.ended_at);
  show(byId("progress"), !ended);
  if (!ended) byId("progress").replaceChildren(...progressOf(job, () => cancel(job)));
  redraw(byId("result"), [report, change, ended], () => {
    if (report) return resultOf(correction, { propose: () => propose(correction), again: (...what) => again(correction.request.wanted, ...what) });
    return ended ? [ending(job)] : [];
  });
  return ended;
}

function ending(job) {
  const words = job?.trouble ? troubleWords(job.trouble) : "";
  return el("section", { class: "card outcome refused" }, el("h2", { class: "state" }, stateWords(job, null)), words ? el("p", {}, words) : null,
    el("p", { class: "quiet" }, t("Nothing was changed.")));
}

async function poll() {
  try {
    const ended = draw(await get(address));
    trouble(null);
    if (ended) return;
  } catch (error) {
    trouble(error);
    if (error.status === 404) return;
  }
  setTimeout(poll, AGAIN_MS);
}

poll();
watchStation();
