"""Fourth room: what pages say of experiments. Claims are checked, and what leads from page to page is written."""

from engine.pages.bibliography import Work, read_bibliography
from engine.pages.citations import Citations
from engine.pages.claims import VERDICTS
from engine.pages.consistency import check_pages
from engine.pages.glossary import Term, read_glossary
from engine.pages.ledger import Entry, check_entry
from engine.pages.page import Page, read_page
from engine.pages.references import likely_related
from engine.pages.write import entries_of, read_lectures, read_pages, read_terms, write_pages

__all__ = [
    "VERDICTS",
    "Citations",
    "Entry",
    "Page",
    "Term",
    "Work",
    "check_entry",
    "check_pages",
    "entries_of",
    "likely_related",
    "read_bibliography",
    "read_glossary",
    "read_lectures",
    "read_page",
    "read_pages",
    "read_terms",
    "write_pages",
]
