// Flagged parts, one at a time: confirm or overrule with a big button or a key, then the next. Of a defect a person may
// say the kind and mark the place before. Labels are added, never changed: going back and judging again adds another one,
// and the last one holds. `?part=EPOCH/N` begins with that part, flagged or not.

import { get, post } from "./api.js";
import { notice, trouble } from "./dialog.js";
import { badge, byId, el, say, show } from "./dom.js";
import { askName, known, whoIsIt } from "./person.js";
import { load, none } from "./picture.js";
import { Defect } from "./review_defect.js";
import { watchStation } from "./station_poll.js";
import { reasonText, t, time, word } from "./words.js";

const PAGE = 20;
const AGAIN_MS = 5000;
const KEYS = { 1: "NG", 2: "OK", 3: "UNSURE" };
const buttons = [...document.querySelectorAll("[data-label]")];
const defect = new Defect();
const queue = [];
const said = new Map(); // row -> what was said here: {verdict, kind, place, view}
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
  const told = said.get(part.row) ?? part.label;
  enable(null);
  for (const button of buttons) button.classList.toggle("said", told?.verdict === button.dataset.label);
  await drawPicture(part, part.images.find((image) => image.view === told?.view) ?? part.images[0], told);
  if (queue[at] === part) enable(part);
}

function enable(part) {
  seen = part;
  for (const button of buttons) button.disabled = part === null;
}

/** told: what was said of the part before, to be shown again. */
async function drawPicture(part, image, told) {
  const place = byId("review-picture");
  defect.clear(told?.kind ?? "");
  drawViews(part, image);
  if (!image) return none(place, t("No picture was kept of this part."));
  const boxes = await boxesOf(part, image.view);
  if (queue[at] !== part) return undefined;
  const size = { width: image.width, height: image.height };
  const shown = await load(place, image.url, { size, boxes, verdict: part.verdict, caption: image.view });
  if (shown && queue[at] === part) defect.on(place, { size, view: image.view, first: boxes[0], rect: told?.view === image.view ? told.place : null });
  return undefined;
}

async function boxesOf(part, view) {
  try {
    const whole = await get(`/parts/${part.part.epoch}/${part.part.n}`);
    return whole.record.results.find((result) => result.view === view)?.boxes ?? [];
  } catch {
    return []; // the picture alone is still worth judging; the boxes are only a help
  }
}

/** Of several cameras the one that is looked at is chosen; a place is marked on one of them. */
function drawViews(part, shown) {
  show(byId("views"), part.images.length > 1);
  byId("views").replaceChildren(...part.images.map((image) => el("button", {
    type: "button", "aria-pressed": String(image === shown), onclick: () => drawPicture(part, image, defect.said),
  }, image.view)));
}

async function label(verdict) {
  const part = queue[at];
  if (!part || busy || seen !== part) return;
  busy = true;
  try {
    const by = await whoIsIt();
    if (!by) return;
    const what = verdict === "OK" ? { kind: null, place: null, view: null } : defect.said;
    await post(`/parts/${part.part.epoch}/${part.part.n}/label`, { verdict, by, note: byId("note").value.trim(), ...what });
    said.set(part.row, { verdict, ...what });
    notice(t("Part {number}: {verdict}", { number: part.part.n, verdict: word("verdict", verdict) }));
    at += 1;
    if ((verdict === "OK") !== (part.verdict === "OK")) offerCorrection();
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

/** What detectors could learn from labels, as a way to it; only when there is something. */
async function offerCorrection() {
  try {
    const { parts } = await get("/corrections/wrong");
    const usable = parts.filter((part) => part.image && !part.known).length;
    say(byId("wrong"), t("{n} parts were judged wrongly: correct the detector", { n: usable }));
    show(byId("wrong"), usable > 0);
  } catch {
    // Only an offer.
  }
}

async function knowKinds() {
  try {
    defect.know((await get("/kinds", { last: 1 })).known);
  } catch {
    // New names can be given all the same.
  }
}

/** The part that the address names comes first. */
async function begin() {
  const wanted = /^(\d+)\/(\d+)$/.exec(new URLSearchParams(location.search).get("part") ?? "");
  try {
    if (wanted) {
      const part = await get(`/parts/${wanted[1]}/${wanted[2]}`);
      const { trigger, record } = part;
      queue.push({ ...part, part: record.part, at: trigger.wall, verdict: record.verdict, reasons: record.reasons, lot: trigger.lot, recipe: trigger.recipe });
    }
  } catch (error) {
    notice(error.words);
  }
  await Promise.all([draw(), knowKinds()]);
  await offerCorrection();
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
  if (event.key === "m") byId("mark").click();
  if (event.key === "ArrowRight") go(1);
  if (event.key === "ArrowLeft") go(-1);
});
begin();
watchStation();
