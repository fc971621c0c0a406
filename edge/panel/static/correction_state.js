// What has become of a correction, in words.

import { t, word } from "./words.js";

/** job: null when it is too long ago. accepted: null when there is no report. */
export function stateWords(job, accepted) {
  if (!job) return t("too long ago");
  if (accepted === null) return word("job_state", job.state);
  return accepted ? t("accepted") : t("refused");
}
