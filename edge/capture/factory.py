"""Which camera a `[[camera]]` of the station file is. Kinds are imported only when asked for: memory, start-up time."""

from __future__ import annotations

from edge.bus.sockets import Bus
from edge.capture.camera import Camera
from edge.clock import Clock
from edge.settings.station import Camera as CameraSettings
from edge.settings.station import Station


def make_camera(settings: CameraSettings, *, station: Station, bus: Bus, clock: Clock) -> Camera:
    """The camera, not yet open. `bus` is for the virtual camera, whose driver it is."""
    match settings.kind:
        case "virtual":
            from edge.capture.virtual import VirtualCamera

            return VirtualCamera(settings, station, bus, clock)
        case "video":
            from edge.capture.video import VideoCamera

            return VideoCamera(settings, clock)
        case "folder":
            from edge.capture.folder import FolderCamera

            return FolderCamera(settings, clock)
