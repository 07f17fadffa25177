"""A run while it goes on, as a page in a browser: what is seen there, and what may be done to the run from there.

This room knows run, measure and report. The engine knows nothing of it but two small things that it is handed (see
`engine/steering.py`): somebody to tell the news, and wishes to take up. A server in a thread of its own does the rest,
so nothing that a browser does or leaves undone can hold up a run.
"""
