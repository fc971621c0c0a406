// The newest part: its verdict giant, its picture with what was found. And the last reject, held until the next one.

import { get, imageAddress } from "./api.js";
import { byId, el, say } from "./dom.js";
import { load, none } from "./picture.js";
import { duration, reasonText, t, time, word } from "./words.js";

const OLD_MS = 10_000; // after this a verdict is history, and no longer stands giant on the screen
const GIANT = { OK: "OK", NG: "NG" };
let shown = null; // {part, at: ms of the trigger}
let reject = "";

const name = (part) => `${part.part.epoch}/${part.part.n}`;

/** The view that decided: the first one with the part's own verdict, else any that has a picture. */
function decisive(part) {
  const views = part.views;
  return views.find((view) => view.verdict === part.verdict && view.picture) ?? views.find((view) => view.picture) ?? views[0];
}

/** When it was triggered, on this screen's clock; a part whose age is not told came just now. */
const seenAt = (part) => Date.now() - (part.age_ms ?? 0);

function reasonsOf(part) {
  return part.reasons.map(reasonText).join("; ");
}

export async function showPart(part, skipped) {
  shown = { part, at: seenAt(part) };
  const tile = byId("verdict");
  const late = part.verdict === "OK" && !part.acted;
  tile.dataset.verdict = late ? "UNSURE" : part.verdict; // only the colour: a good part that is lost is not calm
  tile.dataset.part = name(part);
  say(byId("verdict-big"), GIANT[part.verdict] ?? word("verdict", part.verdict));
  say(byId("verdict-small"), late ? t("OK came too late: rejected") : beneath(part));
  say(byId("verdict-reason"), reasonsOf(part));
  const purpose = part.purpose === "production" ? "" : word("purpose", part.purpose);
  say(byId("verdict-part"), [t("Part {number}", { number: part.part.n }), time(shown.at), purpose].filter(Boolean).join(" · "));
  const view = decisive(part);
  const place = byId("live-picture");
  if (!view?.picture) return none(place, view ? t("The picture is not there (any more).") : t("No picture was taken."));
  return loadLive(place, part, view, skipped ? t("{n} parts before it are not shown", { n: skipped }) : "");
}

/** What becomes of the part, in two words. Under BYPASS it passes although nobody looked at it. */
function beneath(part) {
  const bypassed = part.verdict === "NOT_INSPECTED" && part.reasons.some((reason) => reason.code === "bypass");
  return bypassed ? t("Let through uninspected") : word("beneath", part.verdict);
}

function loadLive(place, part, view, note = "") {
  const { picture } = view;
  return load(place, picture.url, {
    size: { width: picture.frame_width, height: picture.frame_height },
    boxes: part.verdict === "OK" ? [] : view.boxes,
    verdict: part.verdict,
    caption: [part.views.length > 1 ? view.view : "", note].filter(Boolean).join(" · "),
    alt: t("Part {number}", { number: part.part.n }),
  });
}

/** Once a second: a verdict that is old steps back. */
export function tickPart() {
  if (!shown) return;
  const age = Date.now() - shown.at;
  if (age < OLD_MS) return;
  const { part } = shown;
  byId("verdict").dataset.verdict = "";
  say(byId("verdict-big"), "–");
  say(byId("verdict-small"), t("No part"));
  say(byId("verdict-reason"), t("No part for {time}", { time: duration(age) }));
  const last = { number: part.part.n, verdict: word("verdict", part.verdict), time: time(shown.at) };
  say(byId("verdict-part"), t("Last: part {number}, {verdict}, {time}", last));
}

/** Nothing that was said may be taken for what is now. */
export function forget() {
  if (!shown && byId("verdict").dataset.verdict === "") return;
  shown = null;
  const tile = byId("verdict");
  tile.dataset.verdict = "";
  say(byId("verdict-big"), "?");
  say(byId("verdict-small"), t("Unknown"));
  say(byId("verdict-reason"), t("What the line does now is not known."));
  say(byId("verdict-part"), "");
}

export async function showLastReject(part) {
  if (reject === name(part)) return;
  reject = name(part);
  const view = decisive(part);
  say(byId("last-ng-when"), t("Part {number}", { number: part.part.n }));
  const reasons = part.reasons.length ? part.reasons : (view?.reasons ?? []);
  byId("last-ng-reason").replaceChildren(
    el("span", { class: "badge", "data-verdict": part.verdict }, GIANT[part.verdict] ?? word("verdict", part.verdict)),
    " ",
    el("a", { href: `/results/${name(part)}` }, reasons.map(reasonText).join("; ")));
  await Promise.all([lastPicture(part, view), lastTime(part)]);
}

/** A reject of before this start is dated by the ledger. */
async function lastTime(part) {
  let at = part.age_ms === null ? null : seenAt(part);
  try {
    at ??= (await get(`/parts/${name(part)}`)).trigger.wall;
  } catch {
    return;
  }
  if (reject === name(part)) say(byId("last-ng-when"), `${t("Part {number}", { number: part.part.n })} · ${time(at)}`);
}

/** From the live feed while it is there, else the kept evidence. */
async function lastPicture(part, view) {
  const place = byId("last-ng-picture");
  if (!view) return none(place, t("No picture was taken."));
  if (view.picture && (await loadLive(place, part, view))) return undefined;
  return load(place, imageAddress(part.part.epoch, part.part.n, view.view, "frame"), { boxes: view.boxes, verdict: part.verdict });
}
