"""Starts a service's process: settings, logs, uvicorn. A bad setting or file is one clear line and exit status 2."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import uvicorn
from fastapi import FastAPI

from shared import logs
from shared.garbage import settle_garbage
from shared.http.connection import BoundedConnection
from shared.http.short_way import short_ways_of
from shared.production import refuse_unsafe
from shared.settings import BadSettings, Settings, read_settings, secrets_of
from shared.tracing import spans
from shared.yaml_files import BadFile

CONFIGURATION_ERROR = 2
SHUTDOWN_S = 20


def settle_threads() -> None:
    """A thread of the driver waits half a millisecond for the interpreter while the loop is busy, and not five: each
    call of the database waits so twice. (With five intake's p99 was 116 and 224 ms at 64 and 256 connections; it is
    79 and 139.)"""
    sys.setswitchinterval(0.0005)


def serve(service: str, create_app: Callable[[Settings], FastAPI]) -> None:
    """Run until a signal. Exits 2 with one line on stderr for bad settings or files."""
    try:
        settings = read_settings()
        logs.configure(service, settings.log_level, settings.log_format)
        logs.hide(secrets_of(settings))
        refuse_unsafe(settings)
        spans.start(service, settings)
        app = create_app(settings)
    except (BadSettings, BadFile, ValueError) as error:
        sys.stderr.write(f"{service}: {error}\n")
        raise SystemExit(CONFIGURATION_ERROR) from None
    settle_garbage()
    uvicorn.run(
        app,
        http=partial(BoundedConnection, short_ways=short_ways_of(app)),  # type: ignore[arg-type]
        ws="none",
        host=settings.http_host,
        port=settings.http_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
        timeout_keep_alive=30,
    )
