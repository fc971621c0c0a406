// One change of recipe: what it is, where it stands, what its replay said, and the buttons of what may happen to it now.

import { approve, endChallenge, rollBack, startChallenge, withdraw } from "./change_acts.js";
import { figures } from "./correction_result.js";
import { el } from "./dom.js";
import { t, time, word } from "./words.js";

/** change: as the API gives it. report: of its proposal, or undefined. correction: its number. again(): look again. */
export function changeCard(change, { report, correction, again }) {
  const stage = change.in_use && change.stage === "active" ? t("in use") : word("stage", change.stage);
  return el("article", { class: `card change ${change.stage}`, "data-change": change.change, "data-stage": change.stage },
    el("div", { class: "line" }, el("h3", {}, `${change.recipe_from || t("nothing")} → ${change.recipe_to}`), el("span", { class: "tag" }, stage)),
    el("p", {}, [change.proposed_by, time(change.proposed_at), change.reason].join(" · ")),
    el("p", { class: "quiet" }, t("Other than before: {what}", { what: change.differs.map(difference).join(", ") })),
    next(change),
    report?.replay ? figures(report) : null,
    el("div", { class: "row" }, correction ? el("a", { class: "button", href: `/models/corrections/${correction}` }, t("See what changes")) : null,
      el("a", { class: "button", href: `/recipes/${change.recipe_to.replace("@", "/")}` }, t("See the recipe")), buttons(change, again)),
    events(change));
}

/** "top/surface: model" in words. */
function difference(text) {
  const [where, what] = text.includes(": ") ? text.split(": ") : ["", text];
  return [where, word("differs", what)].filter(Boolean).join(" ");
}

function next(change) {
  const { challenge } = change;
  if (change.stage === "challenge" && challenge) {
    const more = [challenge.waiting ? t("{n} on their way", { n: challenge.waiting }) : "", challenge.not_inspected ? t("{n} not inspected: send them again", { n: challenge.not_inspected }) : ""];
    return el("div", { class: "challenge" },
      el("p", { class: "count" }, t("{caught} of {required} bad parts caught", challenge)),
      el("progress", { max: challenge.required, value: String(challenge.caught) }),
      el("p", {}, t("Send parts that are known to be bad. The line rejects everything meanwhile."), " ", more.filter(Boolean).join(" · ")));
  }
  const words = {
    proposed: t("Quality must approve it: somebody else than who proposed it."),
    approved: change.way === "challenge" ? t("Start the challenge when bad parts are at hand.")
      : change.due ? t("The next lot brings it.") : t("It waits: the recipe that it was made from is not active."),
    failed: t("It did not come into use. It may be approved again."),
  }[change.stage];
  return words ? el("p", {}, el("b", {}, words), ...[change.stage === "failed" ? why(change.events.at(-1).reason) : null].flat()) : null;
}

/** Why it failed; a part that was not caught is a link to it. */
function why(reason) {
  const [, part] = /^part (\S+) was not caught$/.exec(reason) ?? [];
  if (!part) return reason ? ` ${t(reason)}` : null;
  return [" ", el("a", { href: `/results/${part.split("/").slice(1).join("/")}` }, t("Part {number} was not caught.", { number: part.split("/").pop() }))];
}

function buttons(change, again) {
  const button = (action, text, act, kind = "") => (change.may.includes(action)
    ? el("button", { type: "button", class: kind || null, "data-act": action, onclick: async () => { if (await act(change)) again(); } }, text) : null);
  return [
    button("approved", t("Approve"), approve, "primary"),
    button("challenge_started", t("Start the challenge"), startChallenge, "primary"),
    button("challenge_failed", t("End the challenge"), endChallenge),
    button("withdrawn", t("Withdraw"), withdraw),
    button("rolled_back", t("Go back to {recipe}", { recipe: change.recipe_from }), rollBack),
  ];
}

function events(change) {
  const line = (event) => el("li", {}, [time(event.at), word("change_action", event.action), event.way ? word("way", event.way) : "", event.by, event.reason, event.detail].filter(Boolean).join(" · "));
  return el("details", {}, el("summary", {}, t("What happened to it")), el("ol", { class: "names" }, change.events.map(line)));
}
