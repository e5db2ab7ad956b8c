"""What all values of the files that people write are: frozen, without unknown keys; and texts in two languages."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from shared.texts import Language


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Text(Frozen):
    """A text for people, Indonesian first."""

    id: str
    en: str

    def said_in(self, language: Language) -> str:
        return self.id if language == "id" else self.en
