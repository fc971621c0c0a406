// Why a job did not do it, in the page's language: what the commands say most often; all else as they say it.

import { t } from "./words.js";

/** Patterns of what happened; each gives the sentence and what to do, from the pattern's groups. */
const SAID = [
  [/^(\S+) is unlike the good parts in more than \d+ places$/, ([, name]) => [
    t("Part {number} is unlike the good parts in too many places.", { number: part(name) }), t("Is it good, and does it lie as the others do? Then teach again with it.")]],
  [/^the marked place of (\S+) is not on the part$/, ([, name]) => [
    t("The marked place of part {number} is not on the part.", { number: part(name) }), t("Mark it again on the review page.")]],
  [/^(\S+) looks like the good parts: to stop it, (\d+) of the (\d+) good parts/, ([, name, stopped, all]) => [
    t("Part {number} looks like the good parts: to stop it, {stopped} of {all} good parts would be stopped too.", { number: part(name), stopped, all }),
    t("Mark the place of the defect if it has none; else it must show better: more light, or from nearer.")]],
  [/^the model (?:has learnt all that it can hold|keeps \d+ judged parts already|knows \d+ exemplars of defects already)$/, () => [
    t("The detector has learnt all that it can hold."), t("Teach it again with the newer parts.")]],
  [/^(\S+) was called (?:good|defective) in version \d+$/, ([, name]) => [
    t("The detector was corrected with part {number} before.", { number: part(name) }), t("Leave it out.")]],
];

/** The part's number in a picture's name, else the name. */
function part(name) {
  return /-(\d+)-[^-]+\.(?:jpg|png)$/.exec(name)?.[1] ?? name;
}

/** trouble: {message, hint} of a job. One or two sentences. */
export function troubleWords({ message, hint }) {
  for (const [pattern, words] of SAID) {
    const found = pattern.exec(message);
    if (found) return words(found).join(" ");
  }
  return [t(message), hint ? t(hint) : ""].filter(Boolean).join(". ");
}
