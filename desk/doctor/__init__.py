"""`desk doctor`: looks at an installation from outside and says in words what is wrong, and what to do.

One module for each thing that is looked at: the questions are asked there, and a pure function tells from the answers
what to say. `run` asks all of them at once.
"""
