"""The index of the search: what the theme's search plugin gathered, made light, with what the engine knows.

Written as one script, ``search/index.js``, that the search's worker loads when the first letter is typed, from a
server and from disk alike. What the theme itself would load with each page is left empty.
"""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from engine.common import EngineError, Project
from engine.pages import read_glossary

_TAG = re.compile(r"<[^>]*>")
_OUTPUT = re.compile(r"<pre>.*?</pre>", re.DOTALL)
_MESSAGE = re.compile(r"[A-Za-z]+(?:Error|Warning)\b|(?:[A-Za-z'()\[\]_.]+,? ){3}[A-Za-z]+")
_SPACE = re.compile(r"\s+")
_IDENTIFIER = re.compile(r"[A-Za-z_][\w.]{2,}")
_KEPT = {"常见说法 → 实验怎么说": 300}
_KEPT_ELSEWHERE = 40
"""Characters of a section's text that are kept: what a section is about stands at its beginning. With 66 questions
and tests/browser/queries.yml, the right page comes first about as often with 40, or with none, as with all."""
_LEFT_OUT = (
    "相关问题",
    "又名与下载",
    "下载",
    "课程、文档与文献",
)  # words of other pages; what the ledger and the glossary say anyway


def write_search_index(site: Path, project: Project, ledger: Path) -> None:
    """Make ``search/index.js`` from the theme's ``search/search_index.json`` and the ledger, and empty the former."""
    theirs = site / "search" / "search_index.json"
    gathered = json.loads(theirs.read_text("utf-8"))
    content = {"pages": _pages(gathered["docs"], ledger), "terms": _terms(project)}
    script = f"self.qaIndex = {json.dumps(content, ensure_ascii=False, separators=(',', ':'))};\n"
    (site / "search" / "index.js").write_text(script, "utf-8")
    theirs.write_text(json.dumps({**gathered, "docs": []}, separators=(",", ":")), "utf-8")


def _pages(docs: list[dict[str, Any]], ledger: Path) -> list[dict[str, Any]]:
    """Return the pages with their sections; fields that are empty are left out."""
    questions = {f"{e['id']}.html": e for e in json.loads(ledger.read_text("utf-8"))} if ledger.is_file() else {}
    titles = {doc["location"]: _plain(doc["title"]) for doc in docs}
    pages: dict[str, dict[str, Any]] = {}
    for doc in docs:
        address, _, anchor = doc["location"].partition("#")
        title, text = _plain(doc["title"]), _plain(doc["text"])
        if not anchor:
            question = questions.get(address, {})
            chapter = titles.get(f"{address.rpartition('/')[0]}/index.html") if question else None
            page = {
                "at": address,
                "title": title,
                "chapter": chapter,
                "tags": doc.get("tags"),
                "boost": doc.get("boost"),
                "qa": question.get("qa"),
                "description": question.get("description"),
                "asks": question.get("asks"),
                "aliases": question.get("aliases"),
                "words": question.get("words"),
            }
            pages[address] = {key: value for key, value in page.items() if value} | {"sections": []}
        if address not in pages:
            continue
        if title not in _LEFT_OUT:
            text = _shortened(text, _KEPT.get(title, _KEPT_ELSEWHERE))
            pages[address]["sections"].append([anchor, title if anchor else "", text])
    _drop_common_words(list(pages.values()))
    return list(pages.values())


def _shortened(text: str, limit: int) -> str:
    """Return the beginning of a text, and the names and English words of the rest."""
    head, rest = text[:limit], text[limit:]
    known = set(_IDENTIFIER.findall(head))
    more = dict.fromkeys(word for word in _IDENTIFIER.findall(rest) if word not in known)
    return f"{head}… {' '.join(more)}" if more else head + "…" * bool(rest)


def _drop_common_words(pages: list[dict[str, Any]]) -> None:
    """Drop names in code that every fifth page has: they tell no page from another."""
    count = Counter(word for page in pages for word in page.get("words", ()))
    limit = max(5, sum("words" in page for page in pages) // 5)
    for page in pages:
        if "words" in page:
            page["words"] = " ".join(word for word in page["words"] if count[word] <= limit)


def _terms(project: Project) -> list[list[list[str]]]:
    """Return, for each term of the glossary, its names and the numbers of its questions."""
    try:
        return [[[*term.names, *term.api, *term.typed], list(term.questions)] for term in read_glossary(project)]
    except EngineError:  # the build has said so
        return []


def _plain(markup: str) -> str:
    """Return the text of HTML; of an output only messages, as people paste those and nobody looks for numbers.

    The search plugin puts zero-width spaces between words where jieba is installed.
    """
    markup = _OUTPUT.sub(lambda output: _messages(output.group()), markup)
    return _SPACE.sub(" ", html.unescape(_TAG.sub(" ", markup.replace("\u200b", "")))).strip()


def _messages(output: str) -> str:
    return "\n".join(line for line in output.splitlines() if _MESSAGE.search(_TAG.sub("", line)))
