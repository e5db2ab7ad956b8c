"""The admin API: agencies, people and their keys, for people with the role `admin`. What `desk agency` and
`desk person` do on the command line."""
