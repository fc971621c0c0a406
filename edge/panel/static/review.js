// Flagged parts, one at a time: confirm or overrule with a big button or a key, then the next. Labels are added, never
// changed: going back and judging again adds another one, and the last one holds.

import { get, post } from "./api.js";
import { notice, trouble } from "./dialog.js";
import { badge, byId, el, say, show } from "./dom.js";
import { askName, known, whoIsIt } from "./person.js";
import { load, none } from "./picture.js";
import { watchStation } from "./station_poll.js";
import { reasonText, t, time, word } from "./words.js";

const PAGE = 20;
const AGAIN_MS = 5000;
const KEYS = { 1: "NG", 2: "OK", 3: "UNSURE" };
const buttons = [...document.querySelectorAll("[data-label]")];
const queue = [];
const said = new Map(); // row -> verdict
let at = 0;
let before = null;
let ended = false;
let busy = false;
let seen = null; // the part whose picture is on the screen: only that one can be labelled

async function fetchMore() {
  const page = await get("/review", { before_row: before, limit: PAGE });
  const known = new Set(queue.map((part) => part.row));
  queue.push(...page.parts.filter((part) => !known.has(part.row)));
  before = page.before_row;
  ended = page.before_row === null;
}

async function draw() {
  try {
    while (at >= queue.length && !ended) await fetchMore();
    trouble(null);
  } catch (error) {
    trouble(error);
    setTimeout(draw, AGAIN_MS);
    return;
  }
  const part = queue[at];
  show(byId("review"), Boolean(part));
  show(byId("nothing"), !part);
  if (!part) {
    setTimeout(lookAgain, AGAIN_MS);
    return;
  }
  await drawPart(part);
}

/** New parts come in at the top: one look at the newest page is enough. */
async function lookAgain() {
  before = null;
  try {
    await fetchMore();
  } catch {
    // The banner says that the panel does not answer; the next look comes by itself.
  }
  ended = true;
  draw();
}

async function drawPart(part) {
  const { epoch, n } = part.part;
  byId("review").dataset.part = `${epoch}/${n}`;
  byId("says").replaceChildren(t("The station says"), " ", badge(part.verdict, word("verdict", part.verdict)));
  byId("reasons").replaceChildren(...part.reasons.map((reason) => el("li", {}, reasonText(reason))));
  const about = [t("Part {number}", { number: n }), time(part.at), part.lot, part.recipe ? `${part.recipe.name}@${part.recipe.version}` : ""];
  say(byId("about"), about.filter(Boolean).join(" · "));
  byId("note").value = "";
  byId("previous").disabled = at === 0;
  say(byId("who"), known() ? t("You are {name}", { name: known() }) : t("Who are you?"));
  say(byId("done"), said.size ? t("{n} labelled here", { n: said.size }) : "");
  enable(null);
  for (const button of buttons) button.classList.toggle("said", said.get(part.row) === button.dataset.label);
  await drawPicture(part);
  if (queue[at] === part) enable(part);
}

function enable(part) {
  seen = part;
  for (const button of buttons) button.disabled = part === null;
}

async function drawPicture(part) {
  const place = byId("review-picture");
  const image = part.images[0];
  if (!image) return none(place, t("No picture was kept of this part."));
  let boxes = [];
  try {
    const whole = await get(`/parts/${part.part.epoch}/${part.part.n}`);
    boxes = whole.record.results.find((result) => result.view === image.view)?.boxes ?? [];
  } catch {
    // The picture alone is still worth judging; the boxes are only a help.
  }
  if (queue[at] !== part) return undefined;
  return load(place, image.url, { size: { width: image.width, height: image.height }, boxes, verdict: part.verdict, caption: image.view });
}

async function label(verdict) {
  const part = queue[at];
  if (!part || busy || seen !== part) return;
  busy = true;
  try {
    const by = await whoIsIt();
    if (!by) return;
    await post(`/parts/${part.part.epoch}/${part.part.n}/label`, { verdict, by, note: byId("note").value.trim() });
    said.set(part.row, verdict);
    notice(t("Part {number}: {verdict}", { number: part.part.n, verdict: word("verdict", verdict) }));
    at += 1;
  } catch (error) {
    trouble(error);
    return;
  } finally {
    busy = false;
  }
  await draw();
}

function go(step) {
  const target = at + step;
  if (target < 0 || busy) return;
  at = target;
  draw();
}

for (const button of buttons) button.addEventListener("click", () => label(button.dataset.label));
byId("who").addEventListener("click", async () => {
  await askName();
  if (known()) say(byId("who"), t("You are {name}", { name: known() }));
});
byId("next").addEventListener("click", () => go(1));
byId("previous").addEventListener("click", () => go(-1));
document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, dialog, select, textarea") || event.ctrlKey || event.altKey || event.metaKey) return;
  if (KEYS[event.key]) label(KEYS[event.key]);
  if (event.key === "ArrowRight") go(1);
  if (event.key === "ArrowLeft") go(-1);
});
draw();
watchStation();
