"""Connections that hold nothing for long: one whose request does not come is closed."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


def patient_for(seconds: float) -> type[asyncio.Protocol]:
    """Return the protocol of connections that have so many seconds for the lines before a body.

    Those for a body are counted where it is read. Between two requests the library's own time for that counts.
    """

    class Patient(HttpToolsProtocol):
        _is_in_head = False
        _giving_up: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._is_in_head and not self._giving_up:  # most requests come whole, and need no clock
                self._wait()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._is_in_head = True

        def on_headers_complete(self) -> None:
            self._is_in_head = False
            self._wait_no_more()
            super().on_headers_complete()

        def connection_lost(self, exc: Exception | None) -> None:
            self._wait_no_more()
            super().connection_lost(exc)

        def _wait(self) -> None:
            self._giving_up = self.loop.call_later(seconds, self.transport.close)

        def _wait_no_more(self) -> None:
            if self._giving_up:
                self._giving_up.cancel()
                self._giving_up = None

    return Patient
