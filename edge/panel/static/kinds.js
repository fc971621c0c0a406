// How many defects of which kind: what people call them, else the classifier. Names sort and count; they change no verdict.

import { get, post } from "./api.js";
import { notice, open } from "./dialog.js";
import { el, redraw, show } from "./dom.js";
import { troubleWords } from "./job_words.js";
import { nameField, take } from "./person.js";
import { number, t, word } from "./words.js";

const JOB_MS = 1000;
const BRIEF = { last: 1000 }; // stopped parts of the running lot, for the live page
const ENDED = new Set(["done", "refused", "failed", "cancelled", "interrupted"]);

/** One line for a glance: kinds of the running lot. Hidden while nothing has a name. */
export async function showKindsLine(place) {
  try {
    const { lot, counts } = await get("/kinds", BRIEF);
    show(place, counts.kinds.length > 0);
    redraw(place, [lot, counts.kinds], () => el("a", { href: `/results?${new URLSearchParams({ lot: lot ?? "" })}` },
      counts.kinds.map((one) => `${one.kind} ${number(one.count)}`).join(" · ")));
  } catch {
    show(place, false); // only a help; what is wrong is said by the rest of the page
  }
}

/** which: {lot, since, until} of the parts; empty: the running lot. */
export async function showKinds(place, which) {
  let found;
  try {
    found = await get("/kinds", which);
  } catch {
    show(place, false);
    return;
  }
  const { counts, known } = found;
  show(place, counts.stopped > 0 || known.length > 0);
  redraw(place, [found.lot, counts, known, found.detectors], () => [
    el("h2", {}, found.lot ? t("Kinds of defects in lot {lot}", { lot: found.lot }) : t("Kinds of defects")),
    bars(counts), rest(counts), acts(found, () => showKinds(place, which)),
  ]);
}

function bars(counts) {
  const most = Math.max(1, ...counts.kinds.map((one) => one.count));
  return el("ul", { class: "kind-bars" }, counts.kinds.map((one) => el("li", {},
    el("span", {}, one.kind), el("progress", { max: most, value: String(one.count), "aria-hidden": "true" }), el("b", {}, number(one.count)),
    el("span", { class: "quiet" }, one.by_people === one.count ? t("named by people") : t("{n} named by people", { n: number(one.by_people) })))));
}

function rest(counts) {
  const words = [
    t("{n} stopped parts", { n: number(counts.stopped) }),
    counts.unknown ? t("{n} of a kind that is not known", { n: number(counts.unknown) }) : "",
    counts.unnamed ? t("{n} without a name", { n: number(counts.unnamed) }) : "",
    counts.good ? t("{n} good after all", { n: number(counts.good) }) : "",
    counts.more ? t("older ones are not counted") : "",
  ];
  return el("p", { class: "quiet" }, words.filter(Boolean).join(" · "));
}

/** Naming needs kinds that were taught, and teaching needs kinds that people have named. */
function acts({ known, detectors, counts }, again) {
  const taught = detectors.some((one) => one.taught_at);
  const state = el("span", { class: "quiet", role: "status" });
  const button = (text, title, words, path) => el("button", { type: "button", onclick: () => begin({ title, words, path, state, again }) }, text);
  return el("div", { class: "row" },
    taught && counts.unnamed ? button(t("Name the rest"), t("Name the defects?"), t("The last stopped parts get the name of the kind that they look like. No verdict changes."), "/kinds/name") : null,
    known.length && detectors.length ? button(t("Teach the kinds"), t("Teach the kinds of defects?"), t("From all parts whose kind a person has named: 3 or more of each. The last stopped parts are named after that. No verdict changes."), "/kinds/teach") : null,
    state);
}

async function begin({ title, words, path, state, again }) {
  let job = null;
  const done = await open({
    title,
    fields: [el("p", {}, words), nameField()],
    confirm: t("Start"),
    act: async (data) => {
      ({ job } = await post(path, { by: take(data) }));
    },
  });
  if (done) follow(job.id, state, again);
}

async function follow(number_, state, again) {
  try {
    const job = await get(`/jobs/${number_}`);
    const step = job.steps.at(-1);
    state.textContent = [word("job_state", job.state), step ? word("step", step.step) : "", step?.of > 1 ? `${step.done} / ${step.of}` : ""].filter(Boolean).join(" · ");
    if (!ENDED.has(job.state)) {
      setTimeout(() => follow(number_, state, again), JOB_MS);
      return;
    }
    if (job.trouble) notice(troubleWords(job.trouble));
    else await again();
  } catch (error) {
    notice(error.words ?? error.message);
  }
}
