"""docs/scaling.md's tables: `python -m benchmarks.scaling` prints them, `--write` puts them into the document."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.capacity import Need, database_cpus, need
from benchmarks.capacity_figures import ASSUMED, MEASURED, SCALES, Scale
from shared.topics import REPORTS

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "scaling.md"
BLOCK = re.compile(r"(<!-- capacity: made by [^>]*-->\n).*(<!-- /capacity -->)", re.DOTALL)


def as_document() -> str:
    """The tables, in Markdown."""
    needs = [(scale, need(scale)) for scale in SCALES]
    parts = [*_figures(), "", *_needs(needs)]
    for scale, found in needs:
        parts += [
            "",
            f"**{scale.name[0].upper()}{scale.name[1:]}**, in `.env`:",
            "",
            "```sh",
            *_env(scale, found),
            "```",
        ]
    return "\n".join(parts) + "\n"


def _figures() -> Iterator[str]:
    for title, figures in (("measured", MEASURED), ("assumed", ASSUMED)):
        yield from ("", f"| {title} | | from |", "| --- | --- | --- |")
        for name, figure in figures.items():
            yield f"| {name} | {f'{figure.value:,g} {figure.unit}'.strip()} | {figure.source} |"


ROWS: Mapping[str, Callable[[Scale, Need], str]] = {
    "regencies": lambda s, _: f"{s.regencies:,}",
    "villages": lambda s, _: f"{s.villages:,}",
    "polling stations": lambda s, _: f"{s.polling_stations:,}",
    "events in all": lambda _, n: f"{n.events:,}",
    "events/s in the busiest hour": lambda _, n: f"{n.peak:,.1f}",
    "cores then, intake": lambda _, n: f"{n.cores['intake']:.3f}",
    "cores then, aggregator": lambda _, n: f"{n.cores['aggregator']:.3f}",
    "cores then, notifier": lambda _, n: f"{n.cores['notifier']:.3f}",
    "cores then, mongod that leads": lambda _, n: f"{n.cores['mongod']:.3f}",
    "cores then, Kafka": lambda _, n: f"{n.cores['Kafka']:.3f}",
    "cores then, together": lambda _, n: f"{sum(n.cores.values()):.1f}",
    "replicas of intake, aggregator, notifier": lambda _, n: ", ".join(map(str, n.replicas.values())),
    "partitions of a topic": lambda _, n: f"{n.partitions}",
    "events in the busiest one": lambda _, n: f"{n.busiest_partition:.0%}",
    "an hour's outage is caught up in": lambda _, n: f"{n.catch_up_s:,.0f} s",
    "memory of a service, limit": lambda _, n: f"{n.service_mb:,} MB",
    "mongod's cache; its memory, limit": lambda _, n: f"{n.mongo_cache_gb:g} GB; {n.mongo_mb:,} MB",
    "disk of each broker": lambda _, n: f"{n.kafka_disk_gb:,.1f} GB",
    "disk of each mongod": lambda _, n: f"{n.mongo_disk_gb:,.1f} GB",
}


def _needs(needs: list[tuple[Scale, Need]]) -> Iterator[str]:
    yield "| | " + " | ".join(scale.name for scale, _ in needs) + " |"
    yield "| --- " * (len(needs) + 1) + "|"
    for name, cell in ROWS.items():
        yield f"| {name} | " + " | ".join(cell(*one) for one in needs) + " |"


def _env(scale: Scale, found: Need) -> Iterator[str]:
    files = ["docker-compose.yml", "deploy/compose.secure.yml"]
    if scale.is_cluster:
        files = [
            "docker-compose.yml",
            *(f"deploy/compose.{name}.yml" for name in ("cluster", "secure", "secure-cluster")),
        ]
    yield "COMPOSE_FILE=" + ":".join(files)
    for name, count in found.replicas.items():
        yield f"DESK_{name.upper()}_REPLICAS={count}"
    yield f"DESK_SERVICE_MEMORY={found.service_mb}M"
    yield f"DESK_MONGO_CACHE_GB={found.mongo_cache_gb:g}"
    yield f"DESK_MONGO_MEMORY={found.mongo_mb}M"
    for name in ("mongod", "Kafka"):
        yield f"DESK_{name.upper().removesuffix('D')}_CPUS={database_cpus(found.cores[name])}"
    if found.partitions != REPORTS.partitions:
        yield f"# once, after the first start: docker compose run --rm init desk partitions {found.partitions}"


def written(document: str) -> str:
    """The document with the tables as they are now. Raises ValueError."""
    if not BLOCK.search(document):
        raise ValueError("the document has no block for the tables")
    return BLOCK.sub(lambda found: f"{found[1]}{as_document()}{found[2]}", document)


if __name__ == "__main__":
    if "--write" in sys.argv:
        DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(as_document(), end="")
