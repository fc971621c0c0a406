"""The one tree of errors.

    EdgeError                 anything the product says to a person; carries a hint and an exit code
    |- UsageError             wrong use: arguments, names, a file that is not there       (exit 2)
    |  `- NotThere            a thing that was asked for by its name does not exist
    |- SettingsError          the station file cannot be used
    |- RecipeError            a recipe cannot be used
    |- ModelError             a model package is malformed, does not fit, or fails its golden parts
    |- SourceError            a camera, video or folder gives no frames
    |  `- SourceLost          it gave frames and stopped; capture retries
    |- CalibrationError       a camera cannot be calibrated with these pictures, or a profile does not fit
    |- RingError              shared memory cannot be made or attached
    |- WireError              a message is malformed (counted and dropped, never fatal)
    |- StoreError             a database cannot be used
    |  `- StoreFull           no room left, the reserve is spent
    |- PortError              an input or output line cannot be driven
    |- ServiceError           a service cannot start or lost one that it needs
    |  `- AlreadyRunning      a second instance
    |- Refused                a request was understood and refused (the reason is for the person)
    `- MissingExtra           an optional library is not installed

Every message is written for the person who reads it: what happened, what the system did about it.
`hint` says what to do next. Errors are caught once, at the process boundary (`edge.cli`, a service's
`main`, a panel route).
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_NO = 1
EXIT_USAGE = 2
EXIT_ERROR = 3


class EdgeError(Exception):
    """Base of everything we raise on purpose. `hint`: what the person can do next."""

    exit_code = EXIT_ERROR

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class UsageError(EdgeError):
    exit_code = EXIT_USAGE


class NotThere(UsageError):
    pass


class SettingsError(EdgeError):
    pass


class RecipeError(EdgeError):
    pass


class ModelError(EdgeError):
    pass


class SourceError(EdgeError):
    pass


class SourceLost(SourceError):
    pass


class CalibrationError(EdgeError):
    pass


class RingError(EdgeError):
    pass


class WireError(EdgeError):
    pass


class StoreError(EdgeError):
    pass


class StoreFull(StoreError):
    pass


class PortError(EdgeError):
    pass


class ServiceError(EdgeError):
    pass


class AlreadyRunning(ServiceError):
    pass


class Refused(EdgeError):
    exit_code = EXIT_NO


class MissingExtra(EdgeError):
    def __init__(self, library: str, extra: str) -> None:
        super().__init__(
            f"{library} is not installed",
            hint=f"install it with: pip install 'edge[{extra}]'",
        )
