// Every process and every queue at a glance: quiet while all is well, and only what is not stands out.

import { el, redraw } from "./dom.js";
import { number, serviceName, t, word } from "./words.js";

const BAD = new Set(["failed", "silent", "unknown"]);

export function serviceKind(service) {
  if (BAD.has(service.state)) return "bad";
  return service.state === "ready" ? "" : "odd";
}

/** A queue stands out when it is nearly full; what it dropped is said, and counted on the system page. */
export function queueKind(queue) {
  return queue.size > 0 && queue.depth >= 0.8 * queue.size ? "odd" : "";
}

export const gone = (queue) => queue.dropped + queue.lost + queue.malformed;

export function drawStrip(place, services, queues) {
  const key = [services.map((s) => [s.name, s.state, s.restarts]), queues.map((q) => [q.name, q.service, queueKind(q), gone(q), Math.ceil((8 * q.depth) / Math.max(1, q.size))])];
  redraw(place, key, () => [...services.map(servicePiece), queuesPiece(queues), ...queues.filter(queueKind).map(queuePiece)]);
}

function servicePiece(service) {
  const more = service.restarts ? ` · ${t("{n} restarts", { n: service.restarts })}` : "";
  return el("div", { class: `piece ${serviceKind(service)}` },
    el("b", {}, serviceName(service.name)), el("span", {}, word("state", service.state) + more));
}

function queuesPiece(queues) {
  const dropped = queues.reduce((sum, queue) => sum + gone(queue), 0);
  const depth = queues.reduce((sum, queue) => sum + queue.depth, 0);
  return el("a", { class: "piece", href: "/system#queues" },
    el("b", {}, t("Queues")),
    el("span", {}, `${t("{n} waiting", { n: number(depth) })} · ${t("{n} dropped", { n: number(dropped) })}`));
}

function queuePiece(queue) {
  return el("div", { class: "piece odd" },
    el("b", {}, `${serviceName(queue.service)}: ${queue.name}`), el("span", {}, `${number(queue.depth)} / ${number(queue.size)}`));
}
