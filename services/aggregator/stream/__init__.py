"""`GET /v1/stream`: what changes in the read model, pushed to whoever watches (server-sent events).

Pure: `events` (what is told, and to whom), `ring` (what was told a moment ago). Adapters: `showing` and `feed` read
the database, `watcher` holds what one of them is to get, `hub` fans out, `api` speaks HTTP.

One change stream of MongoDB per replica, open while somebody watches, over the collections that people look at. An
event's id is the change stream's resume token: it means the same on every replica.
"""
