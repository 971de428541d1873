"""Python-Markdown extensions: they work under any generator that is built on Python-Markdown."""
