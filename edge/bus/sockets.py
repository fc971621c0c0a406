"""ZeroMQ sockets for the channels of `bus.topics`. No other module imports zmq.

Addresses are unix sockets in one directory of mode 0700. Sending never blocks. Each receiver counts what
was malformed and, from the writers' running counts, what was lost. A socket belongs to the thread that uses
it; a Bus may be shared. Messages are never the record: a killed reader loses what was queued for it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import zmq

from edge.bus import wire
from edge.bus.topics import Channel, Pattern
from edge.errors import ServiceError, WireError
from edge.service import private_directory

_BAD_AT_ONCE = 100  # malformed messages taken by one call: a flood of them must not keep a loop from turning
_CLOSE_MS = 200  # what a closing socket may still take to hand over queued messages


class Bus:
    """One process's way to the bus. `close` closes every socket made here and waits at most 200 ms for each."""

    def __init__(self, run_dir: Path) -> None:
        self._dir = private_directory(run_dir)
        self._context = zmq.Context()
        self._context.set(zmq.BLOCKY, 0)
        self._sockets: list[zmq.Socket[bytes]] = []
        self._instance = int.from_bytes(os.urandom(4), "little")

    def publisher(self, channel: Channel, key: str = "") -> Publisher:
        return Publisher(channel, key, self._bind(zmq.PUB, channel, Pattern.PUB, key), self._instance)

    def subscriber(self, channel: Channel, *keys: str) -> Receiver:
        socket = self._make(zmq.SUB, channel, Pattern.PUB)
        socket.subscribe(b"")
        for key in keys or ("",):
            socket.connect(self._address(channel, key))
        return Receiver(channel, ",".join(keys), socket)

    def pusher(self, channel: Channel, key: str = "") -> Pusher:
        socket = self._make(zmq.PUSH, channel, Pattern.PUSH)
        socket.set(zmq.IMMEDIATE, 1)  # queue for a reader that is there, refuse when there is none
        socket.connect(self._address(channel, key))
        return Pusher(channel, key, socket, self._instance)

    def puller(self, channel: Channel, key: str = "") -> Receiver:
        return Receiver(channel, key, self._bind(zmq.PULL, channel, Pattern.PUSH, key))

    def server(self, channel: Channel, key: str = "") -> Server:
        return Server(channel, key, self._bind(zmq.ROUTER, channel, Pattern.REQUEST, key), self._instance)

    def client(self, channel: Channel, key: str = "") -> Client:
        socket = self._make(zmq.DEALER, channel, Pattern.REQUEST)
        socket.connect(self._address(channel, key))
        return Client(channel, key, socket, self._instance)

    def close(self) -> None:
        for socket in self._sockets:
            if not socket.closed:
                socket.close(linger=_CLOSE_MS)
        self._sockets.clear()
        self._context.term()

    def __enter__(self) -> Bus:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _address(self, channel: Channel, key: str) -> str:
        name = f"{channel.name}-{key}" if key else channel.name
        return f"ipc://{self._dir / name}.sock"

    def _make(self, kind: int, channel: Channel, pattern: Pattern) -> zmq.Socket[bytes]:
        if channel.pattern is not pattern:
            raise ServiceError(f"channel {channel.name} is {channel.pattern}, not {pattern}")
        socket = self._context.socket(kind)
        socket.set(zmq.SNDHWM, channel.queue)
        socket.set(zmq.RCVHWM, channel.queue)
        socket.set(zmq.MAXMSGSIZE, wire.MAX_MESSAGE_BYTES)
        socket.set(zmq.LINGER, _CLOSE_MS)
        socket.set(zmq.RECONNECT_IVL, 20)
        socket.set(zmq.RECONNECT_IVL_MAX, 200)
        self._sockets.append(socket)
        return socket

    def _bind(self, kind: int, channel: Channel, pattern: Pattern, key: str) -> zmq.Socket[bytes]:
        socket = self._make(kind, channel, pattern)
        address = self._address(channel, key)
        try:
            socket.bind(address)
        except zmq.ZMQError as error:
            raise ServiceError(f"cannot open {address}: {error}", hint="check run_dir in the station file") from error
        return socket


class Endpoint:
    """What all sockets have: a channel, a name for the status report, and counters."""

    def __init__(self, channel: Channel, key: str, socket: zmq.Socket[bytes]) -> None:
        self.channel = channel
        self.name = f"{channel.name}-{key}" if key else channel.name
        self.socket = socket
        self.sent = 0
        self.received = 0
        self.dropped = 0
        self.lost = 0
        self.malformed = 0

    def queue_state(self) -> wire.QueueState:
        return wire.QueueState(
            name=self.name,
            size=self.channel.queue,
            dropped=self.dropped,
            lost=self.lost,
            malformed=self.malformed,
        )

    def close(self) -> None:
        self.socket.close(linger=_CLOSE_MS)


class _Sender(Endpoint):
    def __init__(self, channel: Channel, key: str, socket: zmq.Socket[bytes], instance: int) -> None:
        super().__init__(channel, key, socket)
        self._instance = instance
        self._codec = wire.Codec(channel.messages)

    def _encode(self, message: wire.Message) -> bytes:
        if not self._codec.allows(message):
            raise WireError(f"channel {self.channel.name} does not carry {type(message).__name__}")
        return wire.encode(message, writer=self._instance, count=self.sent + 1)


class Publisher(_Sender):
    """Queue: `channel.queue` for each reader; at that, this reader loses the message and counts the gap."""

    def send(self, message: wire.Message) -> None:
        self.socket.send(self._encode(message), zmq.NOBLOCK)
        self.sent += 1


class Pusher(_Sender):
    """Queue: `channel.queue`; when full, or nobody reads, the message is refused and counted in `dropped`."""

    def send(self, message: wire.Message) -> bool:
        """True when queued. False: not sent, the caller decides whether to repeat."""
        data = self._encode(message)
        try:
            self.socket.send(data, zmq.NOBLOCK)
        except zmq.Again:
            self.dropped += 1
            return False
        self.sent += 1
        return True


class Receiver(Endpoint):
    """Reads a PUB or PUSH channel. Malformed messages are counted and dropped."""

    def __init__(self, channel: Channel, key: str, socket: zmq.Socket[bytes]) -> None:
        super().__init__(channel, key, socket)
        self._codec = wire.Codec(channel.messages)
        self._last: dict[int, int] = {}

    def receive(self, timeout_ms: int = 0) -> wire.Message | None:
        """The next good message, or None when there is none within `timeout_ms` (or too many bad ones before it)."""
        until = time.monotonic() + timeout_ms / 1000
        for _ in range(_BAD_AT_ONCE):
            left_ms = max(0, int((until - time.monotonic()) * 1000))
            if not self.socket.poll(left_ms):
                return None
            message = self._take()
            if message is not None:
                return message
        return None

    def drain(self, limit: int = 1000) -> Iterator[wire.Message]:
        """Up to `limit` messages that are already here."""
        for _ in range(limit):
            message = self.receive()
            if message is None:
                return
            yield message

    def _take(self) -> wire.Message | None:
        frames = self.socket.recv_multipart(zmq.NOBLOCK)
        try:
            if len(frames) != 1:
                raise WireError(f"a message of {len(frames)} pieces")
            received = self._codec.decode(frames[0])
        except WireError:
            self.malformed += 1
            return None
        self._count_gap(received)
        self.received += 1
        message: wire.Message = received.message
        return message

    def _count_gap(self, received: wire.Received) -> None:
        last = self._last.get(received.writer)
        if last is not None and received.count > last + 1:
            self.lost += received.count - last - 1
        if last is None and len(self._last) >= 64:  # bounded: writers that restarted long ago are forgotten
            self._last.pop(next(iter(self._last)))
        self._last[received.writer] = received.count


class Server(Endpoint):
    """Answers a REQUEST channel. Malformed requests get a refusal, and are counted."""

    def __init__(self, channel: Channel, key: str, socket: zmq.Socket[bytes], instance: int) -> None:
        super().__init__(channel, key, socket)
        self._instance = instance
        self._codec = wire.Codec(channel.messages)

    def receive(self, timeout_ms: int = 0) -> tuple[bytes, wire.Message] | None:
        """(who asked, request), or None. Reply with `reply` exactly once."""
        if not self.socket.poll(timeout_ms):
            return None
        frames = self.socket.recv_multipart(zmq.NOBLOCK)
        peer = frames[0]
        try:
            if len(frames) != 2:
                raise WireError(f"a request of {len(frames)} pieces")
            received = self._codec.decode(frames[1])
        except WireError as error:
            self.malformed += 1
            self.reply(peer, wire.Reply(ok=False, message=error.message))
            return None
        self.received += 1
        return peer, received.message

    def reply(self, peer: bytes, message: wire.Message) -> None:
        data = wire.encode(message, writer=self._instance, count=self.sent + 1)
        try:
            self.socket.send_multipart([peer, data], zmq.NOBLOCK)
            self.sent += 1
        except zmq.ZMQError:
            self.dropped += 1  # the asker is gone or reads nothing


class Client(_Sender):
    """Asks a REQUEST channel, one question at a time."""

    def __init__(self, channel: Channel, key: str, socket: zmq.Socket[bytes], instance: int) -> None:
        super().__init__(channel, key, socket, instance)
        self._replies = wire.Codec(channel.replies)

    def ask(self, request: wire.Message, timeout_ms: int = 2000) -> wire.Message:
        """The reply. ServiceError when none comes in time: the service may be down or busy."""
        while self.socket.poll(0):  # a late reply to an earlier question answers nothing
            self.socket.recv_multipart(zmq.NOBLOCK)
        try:
            self.socket.send(self._encode(request), zmq.NOBLOCK)
        except zmq.Again as error:
            self.dropped += 1
            raise self._no_answer() from error
        self.sent += 1
        if not self.socket.poll(timeout_ms):
            raise self._no_answer()
        received = self._replies.decode(self.socket.recv_multipart(zmq.NOBLOCK)[-1])
        message: wire.Message = received.message
        return message

    def _no_answer(self) -> ServiceError:
        reader = self.channel.readers[0]
        return ServiceError(f"{reader} does not answer", hint=f"see whether {reader} is running (system page, logs)")


class Poller:
    """Waits for any of several receivers, servers or plain file descriptors."""

    def __init__(self, *endpoints: Endpoint) -> None:
        self._poller = zmq.Poller()
        self._ready: set[object] = set()
        for endpoint in endpoints:
            self.add(endpoint)

    def add(self, endpoint: Endpoint) -> None:
        self._poller.register(endpoint.socket, zmq.POLLIN)

    def add_fd(self, fd: int) -> None:
        """E.g. an eventfd that another thread writes to wake this one."""
        self._poller.register(fd, zmq.POLLIN)

    def wait(self, timeout_ms: int) -> bool:
        """True when something is ready."""
        self._ready = {key for key, _ in self._poller.poll(timeout_ms)}
        return bool(self._ready)

    def has(self, endpoint: Endpoint) -> bool:
        """Whether the last `wait` found something for it: spares the look where there was nothing."""
        return endpoint.socket in self._ready
