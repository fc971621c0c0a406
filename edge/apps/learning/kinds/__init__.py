"""`edge learning kinds`: teach the kinds of defects from reviewed examples, and name defects by them.

A name is for statistics and sorting. It changes no verdict: what was stopped stays stopped, whatever it is called.
"""
