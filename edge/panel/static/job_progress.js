// How far a job is: its steps with what is done of each, and how to end it.

import { post } from "./api.js";
import { open } from "./dialog.js";
import { el } from "./dom.js";
import { nameField, take } from "./person.js";
import { number, t, word } from "./words.js";

/** Asks before it cancels, as another person may have started it. */
export function cancelJob(job) {
  return open({
    title: t("Cancel this job?"),
    fields: [el("p", {}, t("Nothing is kept of it.")), nameField()],
    confirm: t("Cancel the job"),
    leave: t("Let it run"),
    act: (data) => post(`/jobs/${job.id}/cancel`, { by: take(data) }),
  });
}

export function progressOf(job, cancel) {
  const steps = job.steps.map((step, i) => {
    const last = i === job.steps.length - 1;
    const bar = el("progress", { max: Math.max(1, step.of) });
    if (step.of || !last) bar.value = last ? step.done : Math.max(1, step.of);
    const count = step.of > 1 ? `${number(step.done)} / ${number(step.of)} · ` : "";
    return el("li", {}, el("span", {}, word("step", step.step)), bar, el("span", { class: "time" }, `${count}${t("{n} s", { n: number(step.seconds, 1) })}`));
  });
  const button = el("button", { type: "button", onclick: cancel, disabled: job.state === "cancelling" }, t("Cancel"));
  return [el("h2", { class: "state" }, word("job_state", job.state)), el("ol", { class: "steps" }, steps), el("div", { class: "row" }, button)];
}
