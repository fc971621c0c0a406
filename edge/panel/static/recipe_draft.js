// A recipe being changed: the draft beside the version it began as, and the difference as the API wants it.

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const copy = (value) => structuredClone(value);
const CHECK_FIELDS = ["unsure_from", "ng_from", "region", "ignore"];

export class Draft {
  constructor(recipe) {
    this.before = recipe;
    this.gate = copy(recipe.gate);
    this.rules = copy(recipe.rules);
    this.views = recipe.views.map((view) => ({ camera: view.camera, locate: view.locate, picture: copy(view.picture), checks: view.checks.map(copy) }));
  }

  /** What has changed, without who and why. */
  changes() {
    const found = {};
    if (!same(this.gate, this.before.gate)) found.gate = this.gate;
    if (!same(this.rules, this.before.rules)) found.rules = this.rules;
    const views = this.views.map((view, i) => viewChange(view, this.before.views[i])).filter(Boolean);
    if (views.length) found.views = views;
    return found;
  }

  /** How many values differ. */
  count() {
    const changes = this.changes();
    const ofViews = (changes.views ?? []).flatMap((view) => [view.picture ? 1 : 0, ...(view.checks ?? []).map((check) => Object.keys(check).length - 1)]);
    return ofViews.reduce((sum, n) => sum + n, 0) + ("gate" in changes ? 1 : 0) + ("rules" in changes ? 1 : 0);
  }
}

function viewChange(view, before) {
  const change = { camera: view.camera };
  if (!same(view.picture, before.picture)) change.picture = view.picture;
  const checks = view.checks.map((check, i) => checkChange(check, before.checks[i])).filter(Boolean);
  if (checks.length) change.checks = checks;
  return Object.keys(change).length > 1 ? change : null;
}

function checkChange(check, before) {
  const changed = CHECK_FIELDS.filter((name) => !same(check[name], before[name]));
  return changed.length ? { name: check.name, ...Object.fromEntries(changed.map((name) => [name, check[name]])) } : null;
}
