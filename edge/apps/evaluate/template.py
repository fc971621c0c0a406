"""The page's frame. Colours are told apart by lightness too, for the colour-blind and for grey prints."""

from __future__ import annotations

TEMPLATE = """<!doctype html>
<html lang="{{ w.language }}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ w("Evaluation of {name}", name=name) }}</title>
<style>
body { font: 16px/1.45 system-ui, "Noto Sans", sans-serif; color: #1b1f24; margin: 2rem auto; max-width: 62rem;
  padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.small { color: #57606a; font-size: .85rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: .7rem; margin: 1.2rem 0; }
.tile { border: 1px solid #d0d7de; border-radius: .4rem; padding: .6rem .8rem; }
.tile b { display: block; font-size: 1.6rem; }
.notes { background: #fff5d6; border-left: .3rem solid #b7791f; padding: .5rem 1rem .5rem 2rem; }
table { border-collapse: collapse; } th, td { padding: .25rem .8rem; border-bottom: 1px solid #d0d7de;
  text-align: right; } th:first-child, td:first-child { text-align: left; }
.misses { display: grid; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); gap: .9rem; }
figure { margin: 0; } figure img { width: 100%; border: 1px solid #d0d7de; } figcaption { font-size: .85rem;
  overflow-wrap: anywhere; }
svg { width: 100%; height: auto; overflow: visible; }
</style>
</head>
<body>
<h1>{{ w("Evaluation of {name}", name=name) }}</h1>
<p class="small">
{{ w("Tried on {good} good and {defect} defective parts from {source}, {when} UTC.",
     good=figures.good, defect=figures.defect, source=source, when=when) }}
{% if whole %}{{ w("Each picture as a whole is the part.") }}{% endif %}
</p>
<div class="tiles">
{% for title, value, what in tiles %}
<div class="tile">{{ title }}<b>{{ value }}</b><span class="small">{{ what }}</span></div>
{% endfor %}
</div>
{% if notes %}
<ul class="notes">
{% for note in notes %}
<li>{{ note }}</li>
{% endfor %}
</ul>
{% endif %}
{% if histogram %}
{% set h = histogram %}
<h2>{{ w("Scores") if h.single else w("Scores, 0 at the UNSURE limit and 1 at the NG limit") }}</h2>
<svg viewBox="0 -40 {{ h.width }} {{ 2 * h.half + 64 }}" role="img">
{% for x, height in h.up %}
<rect x="{{ x }}" y="{{ h.half - height }}" width="{{ h.bar }}" height="{{ height }}" fill="#5aa9e6"/>
{% endfor %}
{% for x, height in h.down %}
<rect x="{{ x }}" y="{{ h.half }}" width="{{ h.bar }}" height="{{ height }}" fill="#b3261e"/>
{% endfor %}
<line x1="0" x2="{{ h.width }}" y1="{{ h.half }}" y2="{{ h.half }}" stroke="#57606a"/>
{% for title, x, value in h.limits %}
<line x1="{{ x }}" x2="{{ x }}" y1="0" y2="{{ 2 * h.half }}" stroke="#1b1f24" stroke-dasharray="5 4"/>
{% set right = loop.last or x <= 120 %}
<text x="{{ x + 4 if right else x - 4 }}" y="{{ -6 if loop.last or not right else -24 }}" font-size="14"
 text-anchor="{{ 'start' if right else 'end' }}">
{{ title }} {{ value }}</text>
{% endfor %}
<text x="0" y="{{ 2 * h.half + 18 }}" font-size="14">{{ h.ends[0] }}</text>
<text x="{{ h.width }}" y="{{ 2 * h.half + 18 }}" font-size="14" text-anchor="end">{{ h.ends[1] }}</text>
</svg>
<p class="small">{{ w("good parts upwards, defective ones downwards; the last bar holds all that lie beyond") }}</p>
{% endif %}
{% if figures.per_defect %}
<h2>{{ w("Kinds of defect") }}</h2>
<table>
<tr><th>{{ w("kind") }}</th><th>{{ w("parts") }}</th>
{% for verdict in verdicts %}<th>{{ w.verdict(verdict) }}</th>{% endfor %}
<th>{{ w("escape rate") }}</th><th>{{ w("95 % interval") }}</th><th>AUROC</th></tr>
{% for kind, one in figures.per_defect.items() %}
<tr><td>{{ kind }}</td><td>{{ one.n }}</td>
{% for verdict in verdicts %}<td>{{ one.verdicts[verdict.value] }}</td>{% endfor %}
<td>{{ "-" if one.escaped.value is none else percent(one.escaped.value) }}</td>
<td>{{ interval(one.escaped) }}</td>
<td>{{ "-" if one.auroc is none else "%.4f" % one.auroc }}</td></tr>
{% endfor %}
</table>
{% endif %}
{% for title, shown, count in misses %}
<h2>{{ w(title) }}</h2>
{% if not count %}
<p>{{ w("none") }}</p>
{% else %}
<p class="small">
{{ w("left: the picture, the known defect outlined; right: what the model sees, bright is unusual") }}</p>
<div class="misses">
{% for one in shown %}
<figure><img alt="" src="data:image/jpeg;base64,{{ one.data }}">
<figcaption>{{ one.seen.picture.name }}: {{ w.verdict(one.seen.verdict) }}
{% for score in one.seen.result.scores %}
<br>{{ score.check }}: {{ w("score") }} {{ "%.4g" % score.score }} (UNSURE {{ "%.4g" % score.unsure_from }},
NG {{ "%.4g" % score.ng_from }})
{% endfor %}
</figcaption></figure>
{% endfor %}
</div>
{% if count > shown | length %}
<p>{{ w("More, named in the JSON file: {count}.", count=count - (shown | length)) }}</p>
{% endif %}
{% endif %}
{% endfor %}
</body>
</html>
"""
