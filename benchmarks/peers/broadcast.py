"""The floor under live events: an aiohttp server that sends one text to all its sockets when it is asked to.

python -m benchmarks.peers.broadcast 127.0.0.1:8001
"""

from __future__ import annotations

import resource
import sys

from aiohttp import web

TEXT = "x" * 900


class Broadcast:
    def __init__(self) -> None:
        self._sockets: set[web.WebSocketResponse] = set()

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        self._sockets.add(socket)
        async for _ in socket:
            pass
        self._sockets.discard(socket)
        return socket

    async def send(self, _: web.Request) -> web.Response:
        for socket in list(self._sockets):
            await socket.send_str(TEXT)
        return web.Response()

    async def ready(self, _: web.Request) -> web.Response:
        return web.Response()


def main() -> None:
    host, port = sys.argv[1].split(":")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    broadcast, app = Broadcast(), web.Application()
    app.router.add_get("/", broadcast.ready)
    app.router.add_get("/ws", broadcast.socket)
    app.router.add_get("/send", broadcast.send)
    web.run_app(app, host=host, port=int(port), print=None)


if __name__ == "__main__":
    main()
