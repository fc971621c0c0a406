// What one teaching made: its promise in words, the pictures to look at, the scores against the limits.

import { get, post } from "./api.js";
import { open, trouble } from "./dialog.js";
import { byId, el, say, show, table } from "./dom.js";
import { nameField, take } from "./person.js";
import { againCard } from "./retaught_looks.js";
import { chartLegend, scoreChart } from "./score_chart.js";
import { watchStation } from "./station_poll.js";
import { pictureOf } from "./tiles.js";
import { number, percent, score, t, time, word } from "./words.js";

const { folder } = byId("result").dataset;
const address = `/teach/${folder}`;
const said = new Map(); // sha256 -> leave_out, good or take_in
let made = null;

const oneIn = (share) => number(Math.round(1 / share));

function promise({ guarantee, rate }) {
  const lines = [t("About 1 of {n} good parts will be stopped.", { n: oneIn(rate) })];
  const facts = { used: number(guarantee.used), best: oneIn(guarantee.best), asked: oneIn(guarantee.asked), missing: number(guarantee.missing) };
  if (guarantee.missing) lines.push(t("With {used} parts no more than 1 of {best} can be promised; {missing} more good parts would allow 1 of {asked}.", facts));
  else lines.push(t("{used} parts are enough to promise 1 of {asked}, whatever comes.", facts));
  return lines;
}

function summary() {
  const [about, rest] = promise(made);
  const figures = [[t("Taught with"), number(made.pictures)], [t("Left out"), number(made.left_out)],
    [t("Unsure from"), score(made.unsure_from)], [t("NG from"), score(made.ng_from)], [t("Took"), t("{n} s", { n: number(made.seconds, 1) })]];
  const steps = Object.entries(made.step_seconds).map(([step, took]) => `${word("step", step)} ${t("{n} s", { n: number(took, 1) })}`);
  byId("summary").replaceChildren(
    el("p", { class: "promise" }, about), el("p", {}, rest),
    el("dl", { class: "figures" }, figures.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
    el("p", {}, t("A part with a lower score than {unsure} is OK. From there on it is doubtful: it is rejected and waits for review. From {ng} on it is NG.", { unsure: score(made.unsure_from), ng: score(made.ng_from) })),
    made.lossy ? el("p", { class: "quiet" }, t("{n} pictures were kept compressed by the line, and so are the limits: it may stop more good parts than that. To be sure, teach with the next parts on the line.", { n: number(made.lossy) })) : "",
    el("p", { class: "quiet" }, steps.join(" · ")));
  show(byId("summary"), true);
}

function again() {
  show(byId("again"), Boolean(made.again));
  if (made.again) byId("again").replaceChildren(...againCard(made));
}

const shares = { near_duplicate: true, blurred: true, too_dark: true, too_bright: true, clipped: true, unlike: true };

function why(doubt) {
  const show = shares[doubt.kind] ? (value) => `${number(100 * value)} %` : score;
  const value = doubt.kind === "near_duplicate" ? doubt.of : `${show(doubt.value)}, ${t("doubtful from {limit}", { limit: show(doubt.limit) })}`;
  return `${word("doubt", doubt.kind)}: ${value}`;
}

/** A part of the line by its number, a file by its name. */
function called({ name }) {
  const part = /^[^/]+\/\d+\/(\d+)$/.exec(name);
  return part ? t("Part {number}", { number: part[1] }) : name;
}

function enlarge(picture) {
  return open({ title: called(picture), fields: [el("img", { class: "large", src: `${picture.url}?side=2000`, alt: t("Picture of the part") })], leave: t("Close") });
}

function tile(picture) {
  const zoom = el("button", { type: "button", class: "picture", "aria-label": t("Enlarge {name}", { name: called(picture) }), onclick: () => enlarge(picture) },
    pictureOf({ url: picture.url }).querySelector("img"));
  const choice = (key, text) => el("button", { type: "button", "data-say": key, "aria-pressed": String(said.get(picture.sha256) === key), onclick: () => judge(picture, key) }, text);
  const choices = picture.left_out ? [choice("take_in", t("Take it in again"))]
    : [choice("leave_out", t("Leave out")), picture.confirmed ? null : choice("good", t("It is good"))];
  return el("li", {}, el("article", { class: `tile${said.has(picture.sha256) ? " said" : ""}`, "data-picture": picture.sha256 },
    zoom, el("span", { class: "line" }, el("b", {}, called(picture)), picture.score === null ? null : el("span", { class: "quiet" }, t("score {score}", { score: score(picture.score) }))),
    el("ul", { class: "why" }, picture.doubts.map((doubt) => el("li", {}, why(doubt)))), el("div", { class: "row" }, choices)));
}

function judge(picture, key) {
  if (said.get(picture.sha256) === key) said.delete(picture.sha256);
  else said.set(picture.sha256, key);
  pictures();
  decide();
}

function group(id, title, words, found) {
  show(byId(id), found.length > 0);
  byId(id).replaceChildren(el("h2", {}, title), el("p", { class: "quiet" }, words), el("ol", { class: "tiles" }, found.map(tile)));
}

const doubtful = (one) => one.doubts.length > 0 && !one.confirmed && !one.left_out;

function pictures() {
  const open = made.look_at.filter(doubtful);
  group("look", t("Look at these pictures: {n}", { n: open.length }),
    t("They may teach the wrong thing. Leave out what is not a good part; say of the others that they are good."), open);
  group("judged", t("Said by a person"), t("Left out, or good though they look odd."), made.look_at.filter((one) => !doubtful(one)));
}

function scores() {
  const defects = made.defects.map((one) => one.score);
  const odd = made.look_at.filter((one) => doubtful(one) && one.doubts.some((doubt) => doubt.kind === "outlying")).map((one) => one.score);
  const good = [...made.scores];
  for (const value of odd) good.splice(good.indexOf(value), 1);
  byId("scores").replaceChildren(el("h2", {}, t("Scores of the good parts")), scoreChart({ ...made, good, odd, defects }), chartLegend(odd.length > 0, defects.length > 0));
  show(byId("scores"), true);
  show(byId("settings"), made.table.length > 0);
  if (!made.table.length) return;
  byId("settings").replaceChildren(el("h2", {}, t("What other limits would mean")), el("div", { class: "scroll" }, limits()));
}

/** The limit as taught among others; of those that look the same one is enough. */
function limits() {
  const taught = (row) => row.unsure_from === made.unsure_from;
  const near = new Map(made.table.map((row) => [score(row.unsure_from), row]));
  for (const row of made.table.filter(taught)) near.set(score(row.unsure_from), row);
  const rows = [...near.values()];
  const heads = [t("Unsure from"), t("Good parts stopped"), t("Known defects that pass")].map((text) => ({ text, number: true }));
  const grid = table([...heads, ""], rows.map((row) => [score(row.unsure_from), `${number(row.stopped_good)} / ${number(row.good)} (${percent(row.stopped_good, row.good)})`,
    { text: `${number(row.escapes)} / ${number(row.defects)}`, kind: row.escapes ? "odd" : "" }, taught(row) ? t("as taught") : ""]));
  grid.querySelectorAll("tbody tr").forEach((tr, i) => tr.classList.toggle("now", taught(rows[i])));
  return grid;
}

function decide() {
  const n = said.size;
  const again = el("button", { type: "button", class: n ? "primary" : "", disabled: n === 0, onclick: teachAgain }, t("Teach again"));
  const unseen = made.look_at.filter(doubtful).length;
  const propose = el("button", { type: "button", class: n || unseen ? "" : "primary", disabled: n > 0, onclick: proposeIt }, t("Propose for use"));
  const words = n ? t("Pictures judged anew: {n}. Teach again with that.", { n })
    : [unseen ? t("Pictures not looked at yet: {n}.", { n: unseen }) : "", t("The line goes on judging as before: what is taught is used after quality has approved it.")].join(" ");
  byId("decide").replaceChildren(el("p", {}, words), el("div", { class: "row" }, again, propose));
  show(byId("decide"), true);
}

async function teachAgain() {
  const chosen = (key) => [...said].filter(([, value]) => value === key).map(([sha256]) => sha256);
  const done = await open({
    title: t("Teach again"), fields: [nameField()], confirm: t("Teach again"),
    act: (data) => post(`${address}/again`, { by: take(data), leave_out: chosen("leave_out"), good: chosen("good"), take_in: chosen("take_in") }),
  });
  if (done) location.assign("/teach");
}

async function proposeIt() {
  const done = await open({
    title: t("Propose {model} for use?", { model: folder }),
    fields: [el("p", {}, t("Quality looks at it and approves it. Until then the line judges as before.")), nameField(),
      el("label", {}, t("Why"), el("input", { name: "reason", required: true, maxlength: 200 }))],
    confirm: t("Propose"),
    act: (data) => post("/changes", { folder, by: take(data), reason: data.reason.trim() }),
  });
  if (done) location.assign("/models");
}

async function start() {
  try {
    made = await get(address);
    say(byId("about"), [made.by, time(made.at)].filter(Boolean).join(" · "));
    summary();
    again();
    pictures();
    scores();
    decide();
    trouble(null);
  } catch (error) {
    trouble(error);
  }
}

start();
watchStation();
