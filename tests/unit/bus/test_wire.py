"""Messages: what is sent comes back, and no bytes whatever crash a receiver."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.bus import topics, wire
from edge.domain.frame import FrameRef
from edge.domain.part import PartId
from edge.domain.result import Placement, RecipeRef, Result, Score, Timings
from edge.domain.verdict import Verdict
from edge.errors import WireError

OK_RESULT = Result(
    part=PartId(station="demo", epoch=12, n=123_456),
    view="top",
    recipe=RecipeRef(name="biscuit", version=3, digest="0" * 16),
    verdict=Verdict.OK,
    scores=(Score(check="surface", score=1.23, unsure_from=2.0, ng_from=3.0),),
    models=("a" * 12,),
    placement=Placement(x_px=400.5, y_px=300.25, angle_deg=3.5),
    frame=FrameRef(
        camera="top", epoch=3, slot=3, generation=444, seq=1234, exposed_at_ns=123_456_789_012_345, error_ns=100_000
    ),
    timings=Timings(waited_us=1000, prepare_us=2000, model_us=30_000, total_us=35_000),
)


def test_an_ok_takes_less_than_500_bytes() -> None:
    assert len(wire.encode(wire.Judged(result=OK_RESULT), writer=1, count=1)) < 500


def test_a_message_comes_back_whole() -> None:
    codec = wire.Codec(topics.REPORTS.messages)
    received = codec.decode(wire.encode(wire.Judged(result=OK_RESULT), writer=7, count=9))
    assert (received.message.result, received.writer, received.count) == (OK_RESULT, 7, 9)


def test_a_channel_refuses_messages_of_another_channel() -> None:
    data = wire.encode(wire.SetLot(lot="A", by="x"), writer=1, count=1)
    with pytest.raises(WireError):
        wire.Codec(topics.REPORTS.messages).decode(data)


def test_another_version_is_refused() -> None:
    data = bytearray(wire.encode(wire.AskState(), writer=1, count=1))
    data[0] = wire.VERSION + 1
    with pytest.raises(WireError, match="version"):
        wire.Codec(topics.COMMANDS.messages).decode(bytes(data))


def test_a_message_over_the_limit_is_not_sent() -> None:
    with pytest.raises(WireError):
        wire.encode(wire.SetLot(lot="x" * wire.MAX_MESSAGE_BYTES, by=""), writer=1, count=1)


@pytest.mark.parametrize("channel", topics.CHANNELS, ids=lambda channel: channel.name)
@given(data=st.binary(max_size=400))
def test_random_bytes_are_wire_errors(channel: topics.Channel, data: bytes) -> None:
    codec = wire.Codec(channel.messages)
    for candidate in (data, bytes([wire.VERSION]) + bytes(12) + data):
        with pytest.raises(WireError):
            codec.decode(candidate)


@given(st.data())
def test_mutated_results_decode_or_are_wire_errors(data: st.DataObject) -> None:
    good = bytearray(wire.encode(wire.Judged(result=OK_RESULT), writer=1, count=1))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        received = wire.Codec(topics.REPORTS.messages).decode(bytes(good))
    except WireError:
        return
    assert isinstance(received.message, topics.REPORTS.messages)


def test_every_channel_says_what_it_is() -> None:
    names = [channel.name for channel in topics.CHANNELS]
    assert len(set(names)) == len(names)
    for channel in topics.CHANNELS:
        assert channel.queue > 0
        assert channel.writers
        assert channel.readers
        assert bool(channel.replies) == (channel.pattern is topics.Pattern.REQUEST)
