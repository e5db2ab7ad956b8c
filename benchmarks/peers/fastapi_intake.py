"""The peer of `POST`: what one writes first. A FastAPI body model, and `send_and_wait` for each event; no keys, no
rates, no memory of ids. `python -m benchmarks.peers.fastapi_intake PORT KAFKA`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from enum import StrEnum
from typing import Annotated, Any

import uvicorn
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from shared.topics import REPORTS


class Condition(StrEnum):
    NORMAL = "normal"
    ATTENTION = "attention"
    CRITICAL = "critical"


class Report(BaseModel):
    """A weekly report, strictly."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    region: Annotated[str, Field(pattern=r"^\d\d(\.\d\d(\.\d\d(\.\d{4})?)?)?$")]
    period: date
    condition: Condition
    summary: Annotated[str, Field(max_length=10_000)]
    kind: str | None = None


REPORT = TypeAdapter(Report)


def make_app(kafka: str) -> FastAPI:
    # As good as it gets with this call: with the usual 16 KiB batches its waits are quadratic.
    options: dict[str, Any] = {"bootstrap_servers": kafka, "acks": "all", "max_batch_size": 1024 * 1024}
    made: list[AIOKafkaProducer] = []

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        made.append(AIOKafkaProducer(**options))
        await made[0].start()
        yield
        await made[0].stop()

    app = FastAPI(lifespan=lifespan)

    async def publish(report: Report) -> dict[str, Any]:
        key = report.region[:5].encode()
        async with asyncio.timeout(8):
            await made[0].send_and_wait(REPORTS.name, report.model_dump_json().encode(), key=key)
        return {"id": report.id, "type": "desk.report.v1", "region": report.region, "duplicate": False}

    @app.post("/v1/reports", status_code=202)
    async def post_report(report: Report) -> dict[str, Any]:
        return await publish(report)

    @app.post("/v1/batch")
    async def post_batch(request: Request) -> list[dict[str, Any]]:
        lines = [REPORT.validate_json(line) for line in (await request.body()).split(b"\n")]
        return await asyncio.gather(*map(publish, lines))

    return app


if __name__ == "__main__":
    app = make_app(sys.argv[2])
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
