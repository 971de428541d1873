"""What an experiment's claims are put through: ``examples/<chapter>/<slug>.stress.toml``, beside the experiment.

A *multiverse analysis* (Steegen, Tuerlinckx, Gelman and Vanpaemel 2016, doi:10.1177/1745691616658637) with negative
controls: changes of named settings that should not matter, under which the assertions must hold; changes that take
the cause away, under which they must fail; and limits, where it is known and said that a claim no longer holds.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.common import ExperimentError, Problem, suggest
from engine.experiments import Experiment
from engine.stress.settings import settings_of

KINDS = {"survives": "不该有影响", "removes": "拿走原因", "limits": "已知的界限"}
"""How a change is meant: the claims must hold, they must fail, it is known and said that they fail."""

_KEYS = ("effect", "means", "unit", *KINDS)
_CHANGE_KEYS = ("name", "set", "claims")


@dataclass(frozen=True)
class Change:
    """One other way to run an experiment.

    Attributes:
        kind: one of `KINDS`, or ``as-is`` for the experiment as it stands.
        name: in words, for readers.
        settings: the new value of each setting that changes, as a Python literal.
        claims: the labels of the assertions that it is about.
        line: of the declaration, from 1.
    """

    kind: str
    name: str
    settings: Mapping[str, Any]
    claims: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Declaration:
    """All changes of an experiment.

    Attributes:
        path: the file, relative to the project, for messages.
        changes: in order; the first is the experiment as it stands.
        effect: the name in the experiment of what is compared: something with ``mean`` and ``se``, or a pair of
            numbers; empty where it has none.
        means: what the effect is, in words: the label of the curve's axis.
        unit: of the effect.
    """

    path: str
    changes: tuple[Change, ...]
    effect: str = ""
    means: str = ""
    unit: str = ""
    by_kind: Mapping[str, int] = field(default_factory=dict)


def declaration_path(experiment: Experiment) -> Path:
    """Return where an experiment's changes are declared, if they are."""
    return experiment.path.with_suffix(".stress.toml")


def read_declaration(experiment: Experiment, root: Path) -> Declaration | None:
    """Return what an experiment is put through, or None where nothing is declared.

    Raises:
        ExperimentError: not TOML, an unknown key, setting or label, a change that changes nothing, none that removes
            the cause.
    """
    path = declaration_path(experiment)
    if not path.is_file():
        return None
    name = path.relative_to(root).as_posix()
    try:
        text = path.read_text("utf-8")
        content = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ExperimentError(Problem(name, None, f"读不出来：{error}")) from error
    labels = tuple(label for cell in experiment.cells for label in cell.labels)
    problems = [
        Problem(name, _line(text, key), f"不认识“{key}”", suggest(key, _KEYS)) for key in content if key not in _KEYS
    ]
    problems += [
        Problem(name, _line(text, key), f"“{key}”要写成文字")
        for key in ("effect", "means", "unit")
        if not isinstance(content.get(key, ""), str)
    ]
    changes = [Change("as-is", "本来的设置", {}, labels, 1)]
    known = settings_of(experiment)
    for kind in KINDS:
        listed = content.get(kind, [])
        if not isinstance(listed, list) or not all(isinstance(raw, dict) for raw in listed):
            problems.append(Problem(name, _line(text, kind), f"“{kind}”要写成 [[{kind}]]，一个改变一段"))
            continue
        for number, raw in enumerate(listed):
            line = _line(text, f"[[{kind}]]", number)
            found = [Problem(name, line, what, hint) for what, hint in _defects(kind, raw, known, labels)]
            problems += found
            if not found:
                claims = tuple(raw.get("claims") or labels)
                changes.append(Change(kind, raw["name"].strip(), raw["set"], claims, line))
    names = [change.name for change in changes]
    problems += [
        Problem(name, change.line, f"名字“{change.name}”用了两次")
        for number, change in enumerate(changes)
        if change.name in names[:number]
    ]
    if not labels:
        problems.append(Problem(name, 1, "实验里没有带名字的断言", "在断言后面写“# 证据：名字”"))
    if problems:
        raise ExperimentError(problems)
    words = {key: content.get(key, "").strip() for key in ("effect", "means", "unit")}
    counts = {kind: sum(change.kind == kind for change in changes) for kind in KINDS}
    return Declaration(name, tuple(changes), by_kind=counts, **words)


def _defects(
    kind: str, raw: Mapping[str, Any], known: Mapping[str, Any], labels: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with one change, and what to do."""
    for key in raw.keys() - set(_CHANGE_KEYS):
        yield f"不认识“{key}”", suggest(key, _CHANGE_KEYS)
    if not isinstance(raw.get("name"), str) or not raw["name"].strip():
        yield "改变没有名字（name）", "用读者的话说改了什么：训练 4 倍长"
    settings = raw.get("set")
    if not isinstance(settings, dict) or not settings:
        yield "没有写改什么（set）", "set.num_updates = 4000"
        return
    for key, value in settings.items():
        if key not in known:
            yield (
                f"实验里没有设置“{key}”",
                suggest(key, sorted(known)) or "设置是 settings 单元里一行一个的 名字 = 值",
            )
        elif known[key] == value and type(known[key]) is type(value):
            yield f"“{key}”本来就是 {value!r}", ""
    claims = raw.get("claims", [])
    if not isinstance(claims, list) or not all(isinstance(label, str) for label in claims):
        yield "“claims”要写成断言名字的列表", ""
        return
    for label in claims:
        if label not in labels:
            yield f"没有名为“{label}”的断言", suggest(label, labels)
    if kind != "survives" and not claims:
        yield "要写出哪些断言会失败（claims）", f"它们的名字：{'、'.join(labels)}"


def _line(text: str, start: str, number: int = 0) -> int:
    """Return the line of the `number`-th line that begins so, or 1."""
    lines = [at for at, line in enumerate(text.split("\n"), 1) if line.strip().startswith(start)]
    return lines[number] if number < len(lines) else 1
