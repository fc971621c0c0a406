// Alarms in three sentences: what happened, what the system did about it, what to do.

import { el, redraw, show } from "./dom.js";
import { alarmWords, serviceName, t, time } from "./words.js";

const JITTER_MS = 3000;
const begun = new Map(); // service and code -> wall time in ms: an age that wobbles must not make the screen flicker

/** alarms: [{code, since_ms, detail, service}], since_ms is an age. */
export function drawAlarms(place, alarms) {
  show(place, alarms.length > 0);
  const dated = alarms.map((alarm) => ({ ...alarm, since_ms: 0, since: since(alarm) }));
  for (const key of [...begun.keys()].filter((known) => !alarms.some((alarm) => nameOf(alarm) === known))) begun.delete(key);
  redraw(place, dated, () => dated.map(one));
}

const nameOf = (alarm) => `${alarm.service} ${alarm.code}`;

function since(alarm) {
  const now = Date.now() - alarm.since_ms;
  const before = begun.get(nameOf(alarm));
  if (before === undefined || Math.abs(now - before) > JITTER_MS) begun.set(nameOf(alarm), now);
  return begun.get(nameOf(alarm));
}

function one(alarm) {
  const words = alarmWords(alarm.code);
  const about = [serviceName(alarm.service), t("since {since}", { since: time(alarm.since) }), alarm.detail];
  return el("article", { class: "alarm" },
    el("h3", {}, words.what),
    el("p", { class: "quiet" }, about.filter(Boolean).join(" · ")),
    words.did && el("p", {}, words.did),
    words.todo && el("p", { class: "do" }, words.todo));
}
