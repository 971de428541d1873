"""Labs: experiments that explain themselves, shown as notebooks. What their header says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.common import PageError, Problem, Project, check_body, check_text, front_matter, suggest
from engine.experiments.experiment import Experiment

# What Markdown would take for a tag of HTML; between backticks it is code.
_TAG = re.compile(r"`[^`]*`|(<[A-Za-z/!?])")
_KEYS = ("title", "tags", "questions", "description")


@dataclass(frozen=True)
class Lab:
    """One examples/labs/<slug>.py.

    Attributes:
        experiment: its code and text.
        path: the file, relative to the project, for messages.
        title: what the reader does.
        tags: what it is about, as for questions.
        questions: the numbers of the questions it ties together.
        description: what the reader gets, in one or two sentences.
    """

    experiment: Experiment
    path: str
    title: str
    tags: tuple[str, ...]
    questions: tuple[str, ...]
    description: str

    @property
    def id(self) -> str:
        """``labs/<slug>``."""
        return self.experiment.id


def read_lab(experiment: Experiment, project: Project) -> Lab:
    """Return what the header of a lab says.

    Raises:
        PageError: every defect of the header, the title and the formulas.
    """
    name = project.relative(experiment.path)
    problems: list[Problem] = []
    front, lines, _ = front_matter(f"---\n{experiment.header}\n---\n", name, problems)
    problems += [Problem(name, lines.get(key, 1), what, hint) for key, what, hint in _defects(front, project)]
    for key in ("title", "description"):
        if isinstance(words := front.get(key), str):
            problems += check_text(words, lines.get(key, 1), name)
    for cell in experiment.texts:
        problems += check_body(cell.source.split("\n"), cell.line, name)
    if not problems:
        first = experiment.texts[0] if experiment.texts else None
        if first is None or first.before or first.source.split("\n")[0] != f"# {front['title']}":
            hint = f"第一个单元写成 # %% [markdown]，以“# {front['title']}”开头"
            problems.append(Problem(name, first.line if first else 1, "开头没有与 title 相同的标题", hint))
    if problems:
        raise PageError(problems)
    lists = {key: tuple(front[key]) for key in ("tags", "questions")}
    return Lab(experiment, name, front["title"].strip(), description=front["description"].strip(), **lists)


def _defects(front: Mapping[str, Any], project: Project) -> Iterator[tuple[str, str, str]]:
    """Yield the key, what is wrong with it, and what to do."""
    if not front:
        yield "", "实验室的实验要以一段说明开头", f"# --- 之间写 {'、'.join(_KEYS)}，每行前面有 #"
        return
    for key in front.keys() - set(_KEYS):
        yield str(key), f"开头的说明里不认识“{key}”", suggest(str(key), _KEYS)
    for key in ("title", "description"):
        if not isinstance(front.get(key), str) or not front[key].strip():
            yield key, f"开头的说明里缺“{key}”", ""
        elif key == "title" and ("\n" in front[key].strip() or any(m[1] for m in _TAG.finditer(front[key]))):
            yield key, "标题要写成一行，里面的 <…> 会被当成 HTML", "把 <…> 写在反引号里：`<unk>`"
    known = {"tags": sorted(project.tags), "questions": sorted(project.questions)}
    for key, what in (("tags", "标签"), ("questions", "编号为这样的问题")):
        values = front.get(key)
        if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
            yield key, f"“{key}”要写成文字的列表：[甲, 乙]", "含冒号的文字要用引号括起来"
            continue
        for value in values:
            if value not in known[key]:
                yield key, f"没有{what}“{value}”", suggest(value, known[key])


def page_metadata(lab: Lab) -> dict[str, object]:
    """Return what the page of a lab needs to know besides its notebook."""
    return {"id": lab.id, "title": lab.title, "tags": list(lab.tags), "description": lab.description}
