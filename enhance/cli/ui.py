"""Opens a page on this machine for people who don't type commands: drop files, look, change knobs, take the results."""

from __future__ import annotations

import argparse
import re
import secrets
import threading
import webbrowser
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from enhance.cli.console import require_stdout, say
from enhance.cli.options import (
    add_backend_argument,
    add_limit_arguments,
    add_machine_arguments,
    add_model_argument,
    chosen_limits,
    chosen_machine,
)
from enhance.errors import OutputError, UsageError

if TYPE_CHECKING:
    from enhance.ui.server import PageServer

_LOCAL = ("127.0.0.1", "localhost", "::1")
_SHORTEST = 8
_LAST_PORT = 65535


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what `enhance ui` understands."""
    parser.usage = "enhance ui [--port N] [--no-browser] [options]"
    parser.add_argument("--port", type=_port, default=0, metavar="N", help="of the page (default: any that is free)")
    parser.add_argument("--no-browser", action="store_true", help="only print the page's address")
    add_model_argument(parser)
    others = parser.add_argument_group("for other machines, too")
    others.add_argument("--host", metavar="ADDRESS", default="127.0.0.1", help="to listen on; needs --password")
    others.add_argument("--password", metavar="WORD", help=f"that visitors must know, {_SHORTEST} letters at least")
    machine = parser.add_argument_group("machine")
    add_machine_arguments(machine)
    add_backend_argument(machine)
    add_limit_arguments(parser.add_argument_group("limits: what an input may be at most"))


def main(options: argparse.Namespace) -> int:
    """Serves the page until Ctrl-C. Returns the exit status."""
    from enhance.system.temporary import temporary_folder
    from enhance.ui.server import PageServer

    require_stdout()
    _check(options)
    key = options.password or secrets.token_urlsafe(18)
    limits = chosen_limits(options)
    with temporary_folder() as folder:
        try:
            server = PageServer(options.host, options.port, key=key, folder=folder, most_bytes=limits.max_bytes)
        except OSError as error:
            reason = f"{options.host} port {options.port} cannot be used: {error.strerror}"
            raise OutputError(reason, hint="--port names another") from error
        with closing(_Closing(server)):
            host = f"[{options.host}]" if ":" in options.host else options.host
            address = f"http://{host}:{server.server_port}/?key={quote(key, safe='')}"
            print(address, flush=True)
            if not options.no_browser:
                webbrowser.open(address)
            with suppress(KeyboardInterrupt):  # the usual end
                _work(server, options)
    return 0


def _work(server: PageServer, options: argparse.Namespace) -> None:
    """Works on what is dropped, until somebody ends the program; loads what that needs while the page opens."""
    from enhance.cli.info import describe_picture
    from enhance.enhancer import Enhancer
    from enhance.ui.work import Worker

    make = partial(Enhancer, options.model, **chosen_machine(options))
    worker = Worker(make, server.sessions, chosen_limits(options), describe_picture)
    worker.start()
    server.wake = worker.wake
    worker.wake()  # for what was dropped before
    try:
        while True:
            threading.Event().wait(3600)
    finally:
        worker.stop()


class _Closing:
    """A server that serves in a thread of its own until it is closed."""

    def __init__(self, server: PageServer) -> None:
        self._server = server
        threading.Thread(target=server.serve_forever, name="ui server", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"a whole number from 0 to {_LAST_PORT}, not {text!r}")
    return int(text)


def _check(options: argparse.Namespace) -> None:
    if options.password is not None and len(options.password) < _SHORTEST:
        raise UsageError(f"a password has {_SHORTEST} letters at least")
    if options.host in _LOCAL:
        return
    if options.password is None:
        reason = f"{options.host} can be reached from other machines, and no password was given"
        raise UsageError(reason, hint="--password WORD, or leave --host out")
    say(f"warning: whoever reaches {options.host} and knows the password can use this page, and nothing is encrypted")
