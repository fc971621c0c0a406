"""Sockets: private, bounded, counting; a bad message or a dead peer harms nobody."""

from __future__ import annotations

import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

from edge.bus import topics, wire
from edge.bus.sockets import Bus, Poller, Pusher, Receiver
from edge.errors import ServiceError, WireError


@pytest.fixture
def bus(run_dir: Path) -> Iterator[Bus]:
    with Bus(run_dir) as bus:
        yield bus


def report(n: int) -> wire.RecipeFailed:
    return wire.RecipeFailed(name="r", version=n, message="", hint="")


def send_when_connected(pusher: Pusher, message: wire.Message) -> None:
    until = time.monotonic() + 5
    while not pusher.send(message):
        assert time.monotonic() < until, "never connected"
        time.sleep(0.005)


def joined(bus: Bus) -> tuple[object, Receiver]:
    """A publisher and a subscriber that hear each other."""
    publisher, subscriber = bus.publisher(topics.LINE), bus.subscriber(topics.LINE)
    until = time.monotonic() + 5
    while subscriber.receive(10) is None:
        assert time.monotonic() < until
        publisher.send(wire.SeenAck(camera="a", epoch=1, n=0))
    while subscriber.receive(20) is not None:
        pass
    return publisher, subscriber


def test_the_directory_is_closed_to_others(bus: Bus, run_dir: Path) -> None:
    bus.puller(topics.REPORTS)
    assert stat.S_IMODE(run_dir.stat().st_mode) == 0o700


def test_pushed_messages_arrive_in_order(bus: Bus) -> None:
    puller, pusher = bus.puller(topics.REPORTS), bus.pusher(topics.REPORTS)
    send_when_connected(pusher, report(0))
    for n in range(1, 20):
        assert pusher.send(report(n))
    assert [puller.receive(2000) for _ in range(20)] == [report(n) for n in range(20)]


def test_without_a_reader_a_push_is_refused_and_counted(bus: Bus) -> None:
    pusher = bus.pusher(topics.REPORTS)
    assert not pusher.send(report(1))
    assert pusher.queue_state().dropped == 1


def test_malformed_messages_are_counted_and_dropped(bus: Bus, run_dir: Path) -> None:
    puller = bus.puller(topics.REPORTS)
    context = zmq.Context()
    attacker = context.socket(zmq.PUSH)
    attacker.connect(f"ipc://{run_dir}/reports.sock")
    try:
        attacker.send(b"garbage")
        attacker.send_multipart([b"a", b"b", b"c"])
        attacker.send(wire.encode(report(5), writer=1, count=1))
        assert puller.receive(2000) == report(5)
        assert puller.queue_state().malformed == 2
    finally:
        attacker.close(linger=0)
        context.term()


def test_a_subscriber_counts_what_it_lost(bus: Bus) -> None:
    publisher, subscriber = joined(bus)
    before = subscriber.lost
    for n in range(topics.LINE.queue * 4):
        publisher.send(wire.SeenAck(camera="a", epoch=1, n=n))  # type: ignore[attr-defined]
    got = []
    while (message := subscriber.receive(200)) is not None:
        got.append(message)
    publisher.send(wire.SeenAck(camera="a", epoch=2, n=0))  # type: ignore[attr-defined]
    assert subscriber.receive(2000) is not None
    assert subscriber.lost - before == topics.LINE.queue * 4 - len(got)


def test_questions_are_answered_and_silence_is_an_error(bus: Bus) -> None:
    server, client = bus.server(topics.COMMANDS), bus.client(topics.COMMANDS)

    def serve() -> None:
        request = server.receive(5000)
        assert request is not None
        server.reply(request[0], wire.Reply(ok=True, message="hello"))

    thread = threading.Thread(target=serve)
    thread.start()
    assert client.ask(wire.AskState(), 5000) == wire.Reply(ok=True, message="hello")
    thread.join()
    with pytest.raises(ServiceError, match="line does not answer"):
        client.ask(wire.AskState(), 50)


def test_a_late_answer_does_not_answer_the_next_question(bus: Bus) -> None:
    server, client = bus.server(topics.COMMANDS), bus.client(topics.COMMANDS)
    with pytest.raises(ServiceError):
        client.ask(wire.SetLot(lot="one", by=""), 20)
    request = server.receive(2000)
    assert request is not None
    server.reply(request[0], wire.Reply(ok=True, message="one"))
    time.sleep(0.05)
    with pytest.raises(ServiceError):
        client.ask(wire.SetLot(lot="two", by=""), 50)


def test_a_channel_carries_only_its_own_messages_and_pattern(bus: Bus) -> None:
    with pytest.raises(WireError):
        bus.pusher(topics.REPORTS).send(wire.AskState())
    with pytest.raises(ServiceError):
        bus.publisher(topics.REPORTS)


def test_a_killed_reader_is_found_again(bus: Bus) -> None:
    first, pusher = bus.puller(topics.REPORTS), bus.pusher(topics.REPORTS)
    send_when_connected(pusher, report(1))
    assert first.receive(2000) == report(1)
    first.close()
    second = bus.puller(topics.REPORTS)
    send_when_connected(pusher, report(2))
    until = time.monotonic() + 5
    while second.receive(50) is None:
        pusher.send(report(2))
        assert time.monotonic() < until


def test_the_poller_wakes_for_either(bus: Bus) -> None:
    puller, pusher = bus.puller(topics.REPORTS), bus.pusher(topics.REPORTS)
    poller = Poller(puller)
    assert not poller.wait(1)
    send_when_connected(pusher, report(1))
    assert poller.wait(2000)
