"""`desk replay`: the aggregator's read model built once more from the log, compared with the one in use, and exchanged
for it (docs/decisions/0025).

`reading.py` reads the log, `shadow.py` folds it by the aggregator's own steps, `comparing.py` says how two documents
differ, `verifying.py` holds both models against each other, `switching.py` exchanges them, `run.py` puts it in a row.
"""
