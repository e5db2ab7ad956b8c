"""A browser without pictures: keeps cookies, follows redirects, reads a form and posts it as a real one would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urlsplit

import httpx
from fastapi import FastAPI

HOST = "desk.example"
OURS = {"origin": f"http://{HOST}", "accept": "text/html"}


@dataclass
class Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """What a page holds: `forms` by their action, `inputs` and `options` by the field's name, the text under `ids`."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.status, self.headers, self.html, self.url = answer.status_code, answer.headers, answer.text, answer.url
        self.forms: dict[str, Form] = {}
        self.links: list[str] = []
        self.options: dict[str, list[str]] = {}
        self.inputs: dict[str, dict[str, str | None]] = {}
        self.ids: dict[str, str] = {}
        self.language = ""
        self._form: Form | None = None
        self._select = self._area = self._id = ""
        self.feed(answer.text)

    @property
    def path(self) -> str:
        return self.url.path

    def wrong(self) -> dict[str, str]:
        """Field -> what stands beside it."""
        ids = {name: f"{name}-wrong" for name in self.inputs}
        return {name: self.ids[i].strip() for name, i in ids.items() if i in self.ids}

    def handle_starttag(self, tag: str, found: list[tuple[str, str | None]]) -> None:
        attributes = dict(found)
        self._id = attributes.get("id") or ""
        name = attributes.get("name") or ""
        if tag == "html":
            self.language = attributes["lang"] or ""
        elif tag == "form":
            self._form = Form(attributes["action"] or "")
            self.forms[self._form.action] = self._form
        elif tag == "a":
            self.links.append(attributes["href"] or "")
        elif tag in ("input", "select", "textarea"):
            self._control(tag, name, attributes)
        elif tag == "option" and self._select:
            self.options[self._select].append(attributes["value"] or "")
            if "selected" in attributes or len(self.options[self._select]) == 1:
                self._fields()[self._select] = attributes["value"] or ""

    def _control(self, tag: str, name: str, attributes: dict[str, str | None]) -> None:
        value = attributes.get("value") or ""
        self.inputs[name] = attributes
        if tag == "select":
            self._select = name
            self.options[name] = []
        elif tag == "textarea":
            self._area = name
            self._fields()[name] = ""
        elif attributes["type"] != "radio" or "checked" in attributes:
            self._fields()[name] = value

    def _fields(self) -> dict[str, str]:
        assert self._form is not None
        return self._form.fields

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self._fields()[self._area] += data.removeprefix("\n")
        if self._id:
            self.ids[self._id] = self.ids.get(self._id, "") + data


class Browser:
    """Talks to an app in this process. What goes wrong inside the app is an answer, as over a network."""

    def __init__(self, app: FastAPI, language: str = "id", **headers: str) -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(
            transport=transport,
            base_url=f"http://{HOST}",
            headers={**OURS, "accept-language": language, **headers},
            follow_redirects=True,
        )

    async def get(self, path: str) -> Page:
        return Page(await self.client.get(path))

    async def post(self, path: str, typed: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Page:
        sent = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
        return Page(await self.client.post(path, content=urlencode(typed).encode(), headers=sent))

    async def submit(self, page: Page, **typed: str) -> Page:
        """Send a page's form, some fields filled in; `__` in a name stands for a dot."""
        (form,) = (f for action, f in page.forms.items() if action != "/sign-out")
        changed = {name.replace("__", "."): value for name, value in typed.items()}
        return await self.post(form.action, {**form.fields, **changed})

    async def sign_in(self, key: str) -> Page:
        return await self.submit(await self.get("/"), key=key)

    def cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self.client.cookies.jar}


def query(page: Page) -> dict[str, str]:
    return dict(httpx.QueryParams(urlsplit(str(page.url)).query))
