"""The page for people, at `GET /`: who has reported, open violations, logistics; each region has one of its own.

Complete without JavaScript; with it, a page loads itself anew when the stream tells of a change.

Pure: `words`, `status`, `overview`, `summary` and `history` (what the templates show), `telling` (makes the last).
Adapters: `page_store` asks the database, `kept` keeps sums, `loading` and `past` gather what a page needs, `key` and
`rendering` say what is the page's own in `shared/http/pages`, `signing` and `showing` are the handlers, `routes`
connects.
"""
