"""How long the engine takes, and how long others take for the same experiments: ``make bench``."""
