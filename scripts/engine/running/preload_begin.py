"""Imported first by the process that experiments are forked from: no garbage is looked for while libraries load.

Loading leaves next to none, and looking for it takes a third of the time.
"""

import gc

gc.disable()
