"""Named assertions bite: a wrong version of the experiment makes each of them fail, or it is said that none does."""

from __future__ import annotations

import json

from tests.tiny import Tiny

from engine.common import Reporter
from engine.experiments import parse_experiment
from engine.stress import bite, share
from engine.stress.mutants import mutants

EXPERIMENT = '''"""什么咬得住？"""

# %% sums
start = 2
total = sum(number * start for number in range(4))
print("和：", total)
assert total == 12  # 证据：和是十二

# %% loose
unused = start + 1
items = []
items.append(start)
assert len(items) >= 0 and items is not None  # 证据：什么都成立
assert len(items) == 1  # 证据：恰好一项
'''


def test_each_assertion_is_made_to_fail_or_said_not_to(tiny: Tiny) -> None:
    tiny.example(EXPERIMENT, "bites")
    found = bite(tiny.project, reporter=Reporter(tiny.log))
    (bites,) = found.values()
    assert bites.by_label["和是十二"].startswith("第 5 行：")
    assert bites.by_label["恰好一项"]
    assert bites.by_label["什么都成立"] == ""
    assert share(found) == (2, 3)
    assert "没有咬住的：什么都成立" in tiny.log.getvalue()
    stored = json.loads((tiny.root / "examples/04-a/bites.bites.json").read_text("utf-8"))
    assert stored["bites"] == bites.by_label
    assert bite(tiny.project, reporter=Reporter(tiny.log)) == found  # nothing is tried again


def test_only_what_feeds_an_assertion_is_changed(tiny: Tiny) -> None:
    experiment = parse_experiment(tiny.example(EXPERIMENT, "bites"), tiny.root / "examples")
    changed = mutants(experiment, "和是十二", 30)
    assert changed
    assert {mutant.line for mutant in changed} <= {4, 5, 7}
    for mutant in changed:
        version = mutant.of(experiment)
        assert version.cells[1] == experiment.cells[1]
        assert version.cells[0].source.count("\n") == experiment.cells[0].source.count("\n")
    assert "第 5 行：* → /" in map(str, changed)


def test_the_command_fails_where_too_few_bite(tiny: Tiny) -> None:
    tiny.example(EXPERIMENT, "bites")
    done = tiny.command("bite", "examples/04-a/bites.py")
    assert done.returncode == 1
    assert "3 条有名字的断言，2 条咬得住（67%）" in done.stdout
