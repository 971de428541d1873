"""Fixtures of the engine's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.tiny import Tiny


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path)
