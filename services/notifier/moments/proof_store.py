"""The notifier's database: what a proof (`proof.py`) needs kept, in the document of the judgement or the moment.

Each is kept once: whatever replica comes first says it for all. Raises DatabaseError where the database does not
answer.
"""

from __future__ import annotations

from typing import Any

from pymongo import ReturnDocument

from services.notifier.verdicts.judgements import Ends
from shared.mongo import Collection, Document


async def first_seen(documents: Collection, document_id: str) -> Document:
    """The document, with the database's time of its first sighting as due (bounded waits use real time)."""
    return await _keep_first(documents, document_id, "first_seen_at", "$$NOW")


async def keep_ends(documents: Collection, document_id: str, ends: Ends) -> Document:
    """The document, with the end offsets to pass."""
    as_lists = {str(p): [begin, end] for p, (begin, end) in ends.items()}
    return await _keep_first(documents, document_id, "ends", {"$literal": as_lists})


async def _keep_first(documents: Collection, document_id: str, field: str, value: Any) -> Document:
    found: Document = await documents.find_one_and_update(
        {"_id": document_id},
        [{"$set": {field: {"$ifNull": [f"${field}", value]}}}],
        return_document=ReturnDocument.AFTER,
    )
    return found
