"""Executes the experiments and renders what they printed, drew and proved as Markdown fragments.

Four rooms, in the order in which the data goes, each a package whose ``__init__`` is its door: ``experiments`` (what
an experiment is) → ``running`` → ``results`` (what a run leaves) → ``pages`` (what pages say of it). All stand on
``common``; ``build`` walks through them once, the other commands are in ``inspect``. No site generator is imported
anywhere in this package.
"""
