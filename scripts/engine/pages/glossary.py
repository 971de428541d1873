"""The glossary: terms as data (docs/glossary.yml), and what is made from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.common import PageError, Problem, Project, check_text, code, read_entries, suggest, text, wrapped

_KEYS = ("term", "en", "synonyms", "typed", "api", "means", "questions")
_LISTS = ("synonyms", "typed", "api", "questions")


@dataclass(frozen=True)
class Term:
    """One entry.

    Attributes:
        term: the usual Chinese word, or an English one where that is what everybody says.
        en: its English name.
        synonyms: other words for it, in either language, abbreviations and spellings.
        typed: what else people type who mean it: slang, symptoms, misspellings. For the search alone, never shown.
        api: names in PyTorch and other libraries, e.g. ``torch.nn.Conv2d``, ``Tensor.view``, ``drop_last``.
        means: what it is, in one sentence.
        questions: numbers of the questions about it, the most fitting first.
    """

    term: str
    en: str
    synonyms: tuple[str, ...]
    typed: tuple[str, ...]
    api: tuple[str, ...]
    means: str
    questions: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All words for it that may be shown."""
        return tuple(dict.fromkeys((self.term, self.en, *self.synonyms)))


def read_glossary(project: Project) -> tuple[Term, ...]:
    """Return the terms in order; none if there is no glossary.

    Raises:
        PageError: not YAML, an entry that is not as agreed, an unknown question, a word that two entries claim.
    """
    name, problems = project.relative(project.glossary), []
    terms: list[Term] = []
    claimed: dict[str, str] = {}
    for line, raw in read_entries(project.glossary, name, "术语表", "term"):
        found = [Problem(name, line, what, hint) for what, hint in _defects(raw, project)]
        for words in _shown(raw) if not found else ():
            found += check_text(words, line, name)
        if not found:
            lists = {key: tuple(raw.get(key) or ()) for key in _LISTS}
            term = Term(raw["term"], raw["en"], means=raw["means"], **lists)
            for word in {word.lower() for word in (*term.names, *term.typed)}:
                if word in claimed:
                    found.append(Problem(name, line, f"“{word}”已经属于“{claimed[word]}”"))
                claimed[word] = term.term
            terms.append(term)
        problems += found
    if problems:
        raise PageError(problems)
    return tuple(terms)


def _shown(raw: dict[str, Any]) -> tuple[str, ...]:
    """Return the words of an entry that stand in the glossary."""
    return (raw["term"], raw["en"], raw["means"], *(raw.get("synonyms") or ()))


def _defects(raw: Any, project: Project) -> Iterable[tuple[str, str]]:
    if not isinstance(raw, dict):
        yield "一个条目要写成 键: 值", f"键：{'、'.join(_KEYS)}"
        return
    for key in raw.keys() - set(_KEYS):
        yield f"条目里不认识“{key}”", suggest(str(key), _KEYS)
    for key in ("term", "en", "means"):
        if not isinstance(raw.get(key), str) or not raw[key].strip():
            yield f"条目缺“{key}”", ""
    for key in _LISTS:
        values = raw.get(key) or []
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            yield f"“{key}”要写成文字的列表：[甲, 乙]", ""
        elif key == "questions":
            for number in values:
                if number not in project.questions:
                    yield f"没有编号为“{number}”的问题", suggest(number, sorted(project.questions))


def glossary_fragment(terms: Sequence[Term], links: dict[str, str]) -> str:
    """Return the glossary: each term with its other names, what it is, its API, and where more is said.

    Args:
        terms: all terms.
        links: a Markdown link for each number of a question that has a page.
    """
    parts = []
    for number, term in enumerate(terms, 1):
        names = "、".join(text(name) for name in term.names[1:])
        lines = [f"**{text(term.term)}**{{ #term-{number} }}　{names}" if names else f"**{text(term.term)}**"]
        lines.append(text(term.means))
        if term.api:
            lines.append("、".join(code(name) for name in term.api))
        if found := [links[number] for number in term.questions if number in links]:
            lines.append("问题：" + "、".join(found))
        parts.append("<br>\n".join(lines))
    return wrapped("qa-glossary", "\n\n".join(parts))
