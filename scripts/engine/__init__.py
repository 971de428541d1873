"""Executes the experiments and renders what they printed, drew and proved as Markdown fragments.

The data goes one way: ``experiment`` (parse) → ``key`` → ``cache`` or ``runner`` + ``kernel`` → ``notebook``
→ ``render`` and ``ledger`` → files. ``build`` is the only module that knows all the steps.
No site generator is imported anywhere in this package.
"""
