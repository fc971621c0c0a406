// What is missing or wrong in a form, said in the page's language: a browser says it in its own.

import { t } from "./words.js";

document.addEventListener("invalid", ({ target }) => {
  const { validity } = target;
  if (validity.valueMissing) target.setCustomValidity(t("Please fill this in"));
  else if (validity.patternMismatch && target.title) target.setCustomValidity(target.title);
}, true);

for (const kind of ["input", "change"]) {
  document.addEventListener(kind, ({ target }) => target.setCustomValidity?.(""), true);
}
