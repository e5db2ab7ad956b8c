"""Items of the lists, in JSON, each made once: of 200 incidents that are asked for again hardly one has changed, and
taking documents apart and putting them into JSON is more than half of what a list costs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import orjson

from shared.clock import Clock
from shared.mongo import Document, Raw, decoded

MOST_KEPT_BYTES = 2 * 1024 * 1024  # of documents and items, which take half as much again in memory
_FOR_EVER = datetime.max.replace(tzinfo=UTC)

View = Callable[[Document, datetime], Document]
Until = Callable[[Document, datetime], datetime | None]
_Item = tuple[orjson.Fragment, datetime]


def _for_ever(_document: Document, _now: datetime) -> None:
    return None


class Items:
    """What `view` makes of documents now. An item is of a document's very bytes: one that was written to is another
    document. Where a view depends on the time, `until` says up to and including which instant an item that is made now
    holds; None: for ever."""

    def __init__(self, clock: Clock, view: View, until: Until = _for_ever) -> None:
        self._clock, self._view, self._until = clock, view, until
        self._young: dict[Raw, _Item] = {}
        self._old: dict[Raw, _Item] = {}
        self._young_bytes = 0

    def of(self, documents: Iterable[Raw]) -> list[orjson.Fragment]:
        """Each as JSON, to be put into an answer as it is."""
        now, young = self._clock.now(), self._young
        items = []
        for document in documents:
            item = young.get(document)
            if item is None or item[1] < now:
                item = self._brought(document, now)
            items.append(item[0])
        return items

    def _brought(self, document: Raw, now: datetime) -> _Item:
        """One that is not among the young, and is from here on."""
        item = self._old.get(document)
        if item is None or item[1] < now:
            item = self._made(document, now)
        self._young[document] = item
        self._young_bytes += 2 * len(document)  # the item takes about as much again
        if self._young_bytes > MOST_KEPT_BYTES // 2:
            self._old, self._young, self._young_bytes = self._young, {}, 0
        return item

    def _made(self, document: Raw, now: datetime) -> _Item:
        taken = decoded(document)
        until = self._until(taken, now)
        shown = bytes(memoryview(orjson.dumps(self._view(taken, now))))  # copied: what orjson gives holds 8 KB
        # Of one zone: such instants are compared without asking either for its offset.
        return orjson.Fragment(shown), until.astimezone(UTC) if until else _FOR_EVER
