"""An assertion counts as evidence only if it could fail."""

from __future__ import annotations

import ast

import pytest

from engine.experiments.assertions import Assertion, find_assertions, kinds_of_names

SETUP = "import torch\nfrom torch.testing import assert_close\nlimit = 3\nx = torch.ones(2)\nitems = []\nitems.append(x)\n"


def assertions_of(code: str) -> tuple[Assertion, ...]:
    return find_assertions(code, kinds_of_names(ast.parse(SETUP + code)))


@pytest.mark.parametrize(
    "code",
    [
        "assert True",
        "assert 1 == 1",
        "assert limit == 3",
        "assert x is x",
        "assert x.sum() == x.sum()",
        "assert True or x.sum() == 2",
        "assert (x.sum() == 2, '说明')",
        "assert not False",
        "assert 'text'",
        "assert_close(x, x)",
        "torch.testing.assert_close(x.sum(), x.sum())",
    ],
)
def test_these_cannot_fail(code: str) -> None:
    (assertion,) = assertions_of(code)
    assert assertion.trivial


@pytest.mark.parametrize(
    "code",
    [
        "assert x.sum() == 2",
        "assert limit < x.sum()",
        "assert True and x.sum() == 2",
        "assert torch.equal(x, torch.ones(2))",
        "assert len(items) == 1",
        "assert not x.requires_grad",
        "assert_close(x, torch.ones(2))",
        "for i in range(3):\n    assert i < x.numel() + 2",
    ],
)
def test_these_can_fail(code: str) -> None:
    (assertion,) = assertions_of(code)
    assert assertion.trivial is None


def test_a_cell_without_assertions_has_none() -> None:
    assert assertions_of("print(x)") == ()
