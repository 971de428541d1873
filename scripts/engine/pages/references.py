"""What leads from one page to others: lists of questions by chapter, tag, topic and API, and related questions.

All of it is made from the pages' front matter, the glossary and the experiments' code; nothing is kept by hand twice.
"""

from __future__ import annotations

import itertools
import json
import math
import posixpath
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.common import attribute, table, text, wrapped
from engine.experiments import Experiment, Lab
from engine.pages.apidocs import doc_address
from engine.pages.claims import VERDICTS
from engine.pages.glossary import Term
from engine.pages.labs import labs_fragment
from engine.pages.ledger import Entry, in_order
from engine.pages.page import Page

FRAGMENTS = (
    "index/contents.md",
    "index/chapters.md",
    "index/tags.md",
    "index/map.md",
    "index/apis.md",
    "index/glossary.md",
)
"""What any page may include, besides the chapters' own ``<chapter>/questions.md``."""

_LIBRARIES = ("torch", "torchvision", "sklearn", "optuna")
_COMMON = 12
"""More questions than this are counted, not listed."""


@dataclass(frozen=True)
class _Kind:
    """A tag that follows from the code of an experiment."""

    group: str
    name: str
    covers: str
    has: Callable[[Experiment], bool]


def _uses(*prefixes: str) -> Callable[[Experiment], bool]:
    return lambda experiment: any(name.startswith(prefixes) for name in experiment.uses)


_KINDS = (
    _Kind("接口", "torch.nn", "层、损失函数、参数初始化", _uses("torch.nn.")),
    _Kind("接口", "torch.optim", "优化器与学习率计划", _uses("torch.optim")),
    _Kind("接口", "torch.autograd", "自动求导，包括 torch.func", _uses("torch.autograd", "torch.func.")),
    _Kind("接口", "torch.linalg", "线性代数", _uses("torch.linalg")),
    _Kind("接口", "torch.utils.data", "数据集与批量", _uses("torch.utils.data")),
    _Kind("接口", "torchvision", "图像变换、检测算子、现成的网络", _uses("torchvision")),
    _Kind("接口", "scikit-learn", "传统模型、交叉验证、评价指标（不算只用它自带的数据）", lambda e: any(
        name.startswith("sklearn.") and not name.startswith("sklearn.datasets") for name in e.uses)),
    _Kind("类型", "报错原文", "实验里真的出现了报错，文字可以搜到",
          lambda e: any(cell.raises for cell in e.cells) or "\nexcept " in e.text or " except " in e.text),
    _Kind("类型", "训练对照", "结论来自训练：多个种子，有对照组",
          lambda e: _uses("torch.optim")(e) or "optimizer" in e.text or ".fit" in e.uses),
    _Kind("类型", "精确验证", "结论来自精确相等或给定精度的比较",
          _uses("torch.equal", "torch.testing", "numpy.array_equal", ".equal")),
    _Kind("类型", "真实数据", "用 scikit-learn 自带的真实数据或图片", _uses("sklearn.datasets.load_")),
)  # fmt: skip
KINDS = frozenset(kind.name for kind in _KINDS)
"""The tags that follow from code: the settings may not have their names."""


def link(entry: Entry, start: str = "") -> str:
    """Return the address of a question from a page in folder `start` of docs/."""
    return posixpath.relpath(f"{entry.page.id}.md", start or ".")


def numbered(entry: Entry, start: str = "") -> str:
    """Return a question's number as a link that shows its title on hovering."""
    return f'[{entry.page.qa}]({link(entry, start)} "{attribute(entry.page.title)}")'


def questions_fragment(entries: Iterable[Entry], start: str = "") -> str:
    """Return a list of questions with their short answers and how many claims did not hold."""
    items = []
    for entry in in_order(entries):
        page = entry.page
        wrong = sum(claim.verdict == VERDICTS[2] for claim in page.claims)
        count = f"{len(page.claims)} 条说法" + (f"，{wrong} 条不成立" if wrong else "")
        items.append(
            f"- **{page.qa}** [{text(page.title)}]({link(entry, start)})"
            f'<span class="qa-count">{count}</span><br>\n  {text(page.description)}'
        )
    return wrapped("qa-questions", "\n".join(items), searched=False)


def contents_fragment(entries: Iterable[Entry], indexes: Mapping[str, Page]) -> str:
    """Return the chapters that have questions, each with what its page says of it."""
    chapters = dict.fromkeys(entry.page.chapter for entry in in_order(entries))
    pages = [indexes[chapter] for chapter in chapters if chapter in indexes]
    return "\n".join(f"- [{text(page.title)}]({page.id}.md)：{text(page.description)}" for page in pages) + "\n"


def chapters_fragment(entries: Sequence[Entry], indexes: Mapping[str, Page]) -> str:
    """Return all questions under the titles of their chapters; `indexes` are the chapters' own pages by folder."""
    parts = []
    for chapter, group in itertools.groupby(in_order(entries), lambda entry: entry.page.chapter):
        if index := indexes.get(chapter):
            lines = [f"- **{e.page.qa}** [{text(e.page.title)}]({link(e)})" for e in group]
            parts.append(f"## [{text(index.title)}]({index.id}.md)\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def tags_of(entries: Iterable[Entry], groups: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, list[Entry]]]:
    """Return the questions of each tag by group, in order: the tags of the settings, and those that code gives."""
    entries = in_order(entries)
    found: dict[str, dict[str, list[Entry]]] = {
        group: {tag: [e for e in entries if tag in e.page.tags] for tag in tags} for group, tags in groups.items()
    }
    for kind in _KINDS:
        found.setdefault(kind.group, {})[kind.name] = [e for e in entries if kind.has(e.experiment)]
    return {group: {tag: es for tag, es in tags.items() if es} for group, tags in found.items()}


def covers(tag: str, groups: Mapping[str, Mapping[str, str]]) -> str:
    """Return what a tag covers."""
    every = {kind.name: kind.covers for kind in _KINDS} | {t: c for tags in groups.values() for t, c in tags.items()}
    return every[tag]


def tags_fragment(entries: Iterable[Entry], groups: Mapping[str, Mapping[str, str]]) -> str:
    """Return all tags by group, each with what it covers and the number of its questions."""
    parts = []
    for group, tags in tags_of(entries, groups).items():
        if tags:
            lines = [
                f'- [{text(tag)}](tags/{tag}.md){{ .md-tag }}<span class="qa-count">{len(found)}</span> '
                f"{text(covers(tag, groups))}"
                for tag, found in tags.items()
            ]
            parts.append(f"## {text(group)}\n\n" + wrapped("qa-tags", "\n".join(lines)))
    return "\n".join(parts)


def tag_pages(
    entries: Iterable[Entry], groups: Mapping[str, Mapping[str, str]], labs: Sequence[Lab] = ()
) -> dict[str, str]:
    """Return the page of each tag by its name."""
    pages = {}
    for group, tags in tags_of(entries, groups).items():
        for tag, found in tags.items():
            title = json.dumps(f"标签：{tag}", ensure_ascii=False)
            front = f"---\ntitle: {title}\nhide: [navigation, toc]\nsearch:\n  exclude: true\n---\n\n"
            head = f"# {text(tag)}\n\n{text(group)}：{text(covers(tag, groups))}。[全部标签](../tags.md)\n\n"
            pages[tag] = front + head + questions_fragment(found, "tags")
            if shown := [lab for lab in labs if tag in lab.tags]:
                pages[tag] += "\n## 实验室\n\n" + labs_fragment(shown, "tags")
    return pages


def map_fragment(
    entries: Iterable[Entry], groups: Mapping[str, Mapping[str, str]], indexes: Mapping[str, Page]
) -> str:
    """Return a table of chapters and topics: which questions of a chapter belong to a topic."""
    rows = []
    for chapter, group in itertools.groupby(in_order(entries), lambda entry: entry.page.chapter):
        questions, index = list(group), indexes.get(chapter)
        cells = [
            " ".join(numbered(e) for e in questions if set(e.page.tags) & tags.keys()) for tags in groups.values()
        ]
        rows.append([f"[{text(index.title)}]({index.id}.md)" if index else text(chapter), *cells])
    return wrapped("qa-map", table(["章", *map(text, groups)], rows))


def apis_of(experiment: Experiment, terms: Iterable[Term]) -> set[str]:
    """Return the names of libraries' functions and classes an experiment uses, and of methods the glossary knows."""
    names = {name for name in experiment.uses if name.split(".")[0] in _LIBRARIES and "." in name}
    modules = {name.rpartition(".")[0] for name in names}
    methods = {name for term in terms for name in term.api if name.startswith("Tensor.")}
    return {n for n in names if n not in modules} | {
        n for n in methods if n.removeprefix("Tensor") in experiment.uses
    }


def apis_fragment(entries: Iterable[Entry], terms: Sequence[Term]) -> str:
    """Return which questions use which function or class, by module."""
    users: dict[str, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for entry in in_order(entries):
        for name in apis_of(entry.experiment, terms):
            users[_module(name)][name].append(entry)
    parts = []
    for module in sorted(users, key=lambda name: (name.split(".")[0] not in ("torch", "Tensor"), name)):
        items = []
        for name, found in sorted(users[module].items(), key=lambda item: (item[0].lower(), item[0])):
            shown = " ".join(map(numbered, found)) if len(found) <= _COMMON else f"{len(found)} 个问题"
            items.append(f"- {_documented(name)} {shown}")
        parts.append(f"## `{module}`\n\n" + wrapped("qa-apis", "\n".join(items)))
    return "\n".join(parts)


def _documented(name: str) -> str:
    address = doc_address(name)
    return f"[`{name}`]({address})" if address else f"`{name}`"


def _module(name: str) -> str:
    """Return under which heading a name stands: its module, without private or very deep parts."""
    parts = [part for part in name.split(".")[:-1] if not part[0].isupper() or part == "Tensor"]
    return ".".join(parts[:3])


def related_of(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """Return the related questions of each question, by number: those it names, then those that name it."""
    entries = in_order(entries)
    by_number = {entry.page.qa or "": entry for entry in entries}
    named = {n: [r for r in e.page.related if r in by_number and r != n] for n, e in by_number.items()}
    return {
        n: [by_number[r] for r in dict.fromkeys((*named[n], *(m for m in by_number if n in named[m])))]
        for n in by_number
    }


def related_fragment(entry: Entry, related: Sequence[Entry], labs: Iterable[Lab] = ()) -> str:
    """Return the section that leads on from a question: to others, and to the labs that use it."""
    chapter = entry.page.chapter
    items = [f"- [{text(e.page.title)}]({link(e, chapter)})" for e in related]
    items += [
        f"- 实验室：[{text(lab.title)}]({posixpath.relpath(f'{lab.id}.ipynb', chapter)})"
        for lab in labs
        if entry.page.qa in lab.questions
    ]
    return "## 相关问题\n\n" + "\n".join(items) + "\n"


def likely_related(entries: Iterable[Entry], terms: Sequence[Term]) -> list[tuple[float, Entry, Entry]]:
    """Return pairs of questions that share much and do not name each other, best first, for a person to judge.

    What they share: tags, terms of the glossary and functions, each weighing the more the rarer it is.
    """
    entries = in_order(entries)
    features = {
        e.page.qa: {
            *(("tag", tag) for tag in e.page.tags),
            *(("term", term.term) for term in terms if e.page.qa in term.questions),
            *(("api", name) for name in apis_of(e.experiment, terms)),
        }
        for e in entries
    }
    count = Counter(feature for mine in features.values() for feature in mine)
    weight = {"tag": 1.0, "term": 2.0, "api": 0.5}
    related = {n: {e.page.qa for e in found} for n, found in related_of(entries).items()}
    pairs = []
    for a, b in itertools.combinations(entries, 2):
        if b.page.qa not in related[a.page.qa or ""]:
            shared = features[a.page.qa] & features[b.page.qa]
            score = sum(weight[kind] * math.log(len(entries) / count[kind, name]) for kind, name in shared)
            pairs.append((score, a, b))
    return sorted(pairs, key=lambda pair: -pair[0])
