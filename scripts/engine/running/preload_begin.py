"""Imported first by the process that experiments are forked from: how the libraries are to load.

No garbage is looked for meanwhile: loading leaves next to none, and looking for it takes a third of the time. And
matplotlib is not to read the settings of whoever builds.
"""

import gc

gc.disable()

from engine.running.figures import import_matplotlib  # noqa: E402  # itself without looking for garbage

import_matplotlib()
