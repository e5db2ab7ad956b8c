"""Who may say and see what: `keys.py` is pure, `store.py` keeps the hashes in `desk_access`."""
