"""The gallery: every lab and every experiment as a card with a picture, its tags and how long it runs."""

from __future__ import annotations

import html
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.common import LABS, text
from engine.experiments import Lab
from engine.pages.ledger import Entry, in_order
from engine.results import Facts, duration

FRAGMENT = "index/gallery.md"


@dataclass(frozen=True)
class _Card:
    """What the gallery says of one experiment; `number` is a question's, empty for a lab."""

    id: str
    address: str
    number: str
    title: str
    tags: Sequence[str]


def gallery_fragment(
    labs: Iterable[Lab],
    entries: Iterable[Entry],
    facts: Mapping[str, Facts],
) -> str:
    """Return the gallery for the page labs/index.md: labs first, then the experiments of the questions in order.

    Args:
        labs: all labs.
        entries: all questions.
        facts: what is known of their runs, by id.
    """
    shown = [_Card(lab.id, f"{lab.id}.ipynb", "", lab.title, lab.tags) for lab in labs]
    asked = [
        _Card(e.page.id, f"{e.page.id}.md", e.page.qa or "", e.page.title, e.page.tags) for e in in_order(entries)
    ]
    parts = []
    for title, cards in (("实验室", shown), ("每个问题的实验", asked)):
        if cards:
            items = "\n".join(_card(c, facts[c.id]) for c in cards)
            parts.append(
                f'## {title}\n\n<ul class="qa-gallery" data-search-exclude="1" markdown="1">\n{items}\n</ul>\n'
            )
    return "\n".join(parts)


def _card(card: _Card, facts: Facts) -> str:
    up = posixpath.relpath("assets/thumbnails", LABS)
    # The stylesheet inverts drawings in the dark; photographs it must not.
    css = ' class="qa-photo"' if facts.picture == "photo" else ""
    image = f'<img src="{up}/{card.id}.svg" alt="" loading="lazy"{css}>' if facts.picture else ""
    tags = "".join(f"<span>{html.escape(tag)}</span>" for tag in card.tags)
    link = f"[{text(card.title)}]({posixpath.relpath(card.address, LABS)})"
    number = f"<b>{card.number}</b> " if card.number else ""
    return (
        f'<li data-tags="{html.escape("|".join(card.tags))}" markdown="1">'
        f'<span class="qa-card__picture">{image}</span>{number}{link}'
        f'<span class="qa-card__tags">{tags}</span><span class="qa-count">{duration(facts)}</span></li>'
    )
