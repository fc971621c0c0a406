// The system page: every process, queue, outage and event, as the services report them.

import { get } from "./api.js";
import { drawAlarms } from "./alarms.js";
import { cancelJob } from "./job_progress.js";
import { trouble } from "./dialog.js";
import { byId, el, redraw, table } from "./dom.js";
import { watchStation } from "./station_poll.js";
import { gone, queueKind, serviceKind } from "./strip.js";
import { alarmWords, duration, number, permitReason, serviceName, t, time, told, word } from "./words.js";

const BOOKS_MS = 10_000;
const JOBS = 10;
const numeric = (text) => ({ text, number: true });

function services(list) {
  const heads = [t("Process"), t("State"), numeric(t("Process number")), numeric(t("Heard")), numeric(t("Running for")), numeric(t("Restarts"))];
  return table(heads, list.map((s) => [
    serviceName(s.name), { text: word("state", s.state), kind: serviceKind(s) }, s.pid ?? "–", s.age_ms === null ? "–" : duration(s.age_ms),
    s.uptime_ms === null ? "–" : duration(s.uptime_ms), s.restarts ?? "–",
  ]));
}

function queues(list) {
  const heads = [t("Process"), t("Queue"), ...[t("Waiting"), t("Size"), t("Dropped"), t("Lost"), t("Malformed")].map(numeric)];
  return table(heads, list.map((q) => [
    serviceName(q.service), q.name, { text: number(q.depth), kind: queueKind(q) }, number(q.size),
    ...["dropped", "lost", "malformed"].map((key) => ({ text: number(q[key]), kind: gone(q) && q[key] ? "odd" : "" })),
  ]));
}

function figures(list) {
  return list.filter((s) => Object.keys(s.counters).length).map((s) => {
    const rows = Object.entries(s.counters).sort().map(([name, value]) => [name, number(value, Number.isInteger(value) ? 0 : 2)]);
    return table([serviceName(s.name), numeric("")], rows);
  });
}

function onState(state) {
  drawAlarms(byId("alarms"), state.alarms);
  byId("services").replaceChildren(services(state.services));
  byId("queues").replaceChildren(queues(state.queues));
  byId("figures").replaceChildren(...figures(state.services));
}

/** Events are changes by people, or something that is an alarm too. */
function eventName(kind) {
  const known = word("event", kind);
  return known === kind ? alarmWords(kind).what : known;
}

function eventDetail({ kind, detail }) {
  if (kind === "mode") return detail.replace(/^[A-Z]+/, (mode) => word("mode", mode));
  if (kind === "purpose") return word("purpose", detail);
  if (kind !== "permit") return detail;
  const reasons = detail.replace(/^(on|off)(: )?/, "").split(", ").filter(Boolean).map(permitReason);
  return [detail.startsWith("on") ? t("The machine may run") : t("The machine may not run"), ...reasons].join(" · ");
}

function orNothing(place, heads, rows) {
  redraw(place, rows, () => (rows.length ? table(heads, rows) : el("p", { class: "quiet" }, t("None."))));
}

/** Newest first; what has not ended can be cancelled here, whichever page began it. */
function jobs(list) {
  const rows = list.slice(0, JOBS).map((job) => {
    const cancel = el("button", { type: "button", onclick: () => cancelJob(job), disabled: job.state === "cancelling" }, t("Cancel"));
    const why = job.trouble ? `${word("job_state", job.state)}: ${told(job.trouble.message)}` : word("job_state", job.state);
    return [job.id, time(job.queued_at), word("job_kind", job.kind), job.by, why, duration(1000 * job.ran_s), job.ended_at ? "" : cancel];
  });
  redraw(byId("jobs"), list.slice(0, JOBS), () => (rows.length
    ? table([t("Number"), t("Time"), t("Work"), t("By"), t("State"), numeric(t("Took")), ""], rows) : el("p", { class: "quiet" }, t("None."))));
}

async function books() {
  try {
    const [outages, events, audit, work] = await Promise.all(
      [get("/outages", { limit: 20 }), get("/events", { limit: 50 }), get("/audit", { limit: 50 }), get("/jobs")]);
    jobs(work.jobs);
    orNothing(byId("outages"), [t("Time"), numeric(t("Lasted")), t("Cause")], outages.outages.map((o) => [time(o.at), duration(o.lasted_ms), o.why.split(", ").map((why) => t(why)).join(", ")]));
    orNothing(byId("events"), [t("Time"), t("Event"), t("By"), t("Detail")], events.events.map((e) => [time(e.at), eventName(e.kind), e.by, eventDetail(e)]));
    orNothing(byId("audit"), [t("Time"), t("By"), t("Action"), t("Detail")], audit.entries.map((a) => [time(a.at), a.by, a.action, a.detail]));
    trouble(null);
  } catch (error) {
    trouble(error);
  } finally {
    setTimeout(books, BOOKS_MS);
  }
}

books();
watchStation(onState);
