"""The form for people, at `GET /`: a weekly report and an incident, typed into a browser that needs no JavaScript.

Pure: `forms` (what was typed, as the bytes that the API takes), `region_choice`, `period_choice`, `local_time`,
`slips` (what says that something was accepted), `words`, `views` (what a template shows). Adapters: `key` and
`rendering` say what is the form's own in `shared/http/pages`, `signing` and `sending` are the handlers, `routes`
connects them.

What a person sends passes the same door as everything else. An id is made with the empty form and stands in its
address, so that a second tap, a reload and "back" speak of the same report.
"""
