"""Imported last by the process that experiments are forked from: make ready what they share."""

import atexit
import gc

from engine.running.kernel import prepare

prepare()
# A collection writes to each object that it visits: all that is shared so far would be copied for each experiment.
gc.freeze()
gc.enable()
atexit.register(gc.unfreeze)  # libraries complain of objects that outlive the interpreter
