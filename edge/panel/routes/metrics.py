"""GET /metrics: what was heard, in the words of Prometheus. Made anew at each question; a registry of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from edge.domain.part import Mode
from edge.panel import glance, shapes
from edge.panel.seams import Deps, deps_of
from edge.panel.tally import Counted

router = APIRouter()


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "Prometheus text format"}},
)
def metrics(deps: Annotated[Deps, Depends(deps_of)]) -> Response:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Heard(deps))
    return Response(generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST})


class _Heard(Collector):
    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._now_ns = deps.clock.now_ns()
        self._snapshot = deps.watch.snapshot

    def collect(self) -> Iterator[Metric]:
        yield from self._line()
        line = self._snapshot.line
        yield from _parts(self._deps.tally.of(line.lot if line is not None else ""))
        services = glance.services(self._snapshot, self._deps.expected, self._now_ns)
        yield from _services(services)
        yield from _queues(glance.queues(self._snapshot))
        alarms = GaugeMetricFamily("edge_alarm_age_seconds", "How long an alarm stands", labels=("service", "code"))
        for alarm in glance.alarms(self._snapshot, self._deps.expected, self._now_ns):
            alarms.add_metric((alarm.service, alarm.code), alarm.since_ms / 1000)
        yield alarms

    def _line(self) -> Iterator[Metric]:
        """Without a word from the line nothing is said of its mode and permit; edge_line_heard is 0."""
        alive = self._snapshot.alive(self._now_ns)
        yield GaugeMetricFamily("edge_line_heard", "1 while the line says what it does", float(alive))
        line = self._snapshot.line
        if line is None or not alive:
            return
        yield GaugeMetricFamily("edge_line_permit", "1 while the line permits running", float(line.permit))
        yield GaugeMetricFamily("edge_line_in_flight", "Parts between trigger and gate", float(line.in_flight))
        mode = GaugeMetricFamily("edge_line_mode", "1 for the mode in force", labels=("mode",))
        for each in Mode:
            mode.add_metric((each.value,), float(each is line.mode))
        yield mode


def _parts(counted: Counted) -> Iterator[Metric]:
    for name, counts in (("lot", counted.lot), ("today", counted.today)):
        if counts is None:
            continue
        verdicts = GaugeMetricFamily(f"edge_{name}_parts", f"Production parts of {name}", labels=("verdict",))
        for verdict, count in counts.verdicts.items():
            verdicts.add_metric((verdict.value,), count)
        gates = GaugeMetricFamily(f"edge_{name}_gate", f"What the gate did, of {name}", labels=("outcome",))
        for outcome, count in counts.gates.items():
            gates.add_metric((outcome.value,), count)
        yield from (verdicts, gates)


def _services(services: tuple[shapes.Service, ...]) -> Iterator[Metric]:
    up = GaugeMetricFamily("edge_service_up", "1 while a service says that it is ready or limited", labels=("service",))
    restarts = CounterMetricFamily("edge_service_restarts", "Starts after the first", labels=("service",))
    counters = GaugeMetricFamily("edge_service_counter", "A service's own figures", labels=("service", "name"))
    for service in services:
        up.add_metric((service.name,), float(service.state in ("ready", "degraded")))
        if service.restarts is not None:
            restarts.add_metric((service.name,), service.restarts)
        for name, value in service.counters.items():
            counters.add_metric((service.name, name), value)
    yield from (up, restarts, counters)


def _queues(queues: tuple[shapes.Queue, ...]) -> Iterator[Metric]:
    labels = ("service", "queue")
    size = GaugeMetricFamily("edge_queue_size", "What a queue may hold", labels=labels)
    depth = GaugeMetricFamily("edge_queue_depth", "What it holds", labels=labels)
    losses = CounterMetricFamily("edge_queue_lost", "Lost from a queue, by how", labels=(*labels, "how"))
    for queue in queues:
        key = (queue.service, queue.name)
        size.add_metric(key, queue.size)
        depth.add_metric(key, queue.depth)
        for how, count in (("dropped", queue.dropped), ("lost", queue.lost), ("malformed", queue.malformed)):
            losses.add_metric((*key, how), count)
    yield from (size, depth, losses)
