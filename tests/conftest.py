"""Oracles, and how fast the property tests are: HYPOTHESIS_PROFILE=ci for more examples."""

import json
import os
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from browser import chromium, visit  # noqa: F401 - fixtures
from hypothesis import settings

from hotmess.cli import main

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=200, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))

CASES = {case["id"]: case for case in json.loads(Path(__file__).with_name("oracles.json").read_text())["cases"]}


def number(text):
    """An exact fraction as the nearest float; anything else as it is."""
    return float(Fraction(text)) if isinstance(text, str) else text


def numbers(nested):
    """Nested lists of fractions as floats."""
    return [numbers(inner) for inner in nested] if isinstance(nested, list) else number(nested)


@pytest.fixture(scope="session")
def oracle():
    """Return one test vector by name."""
    return CASES.__getitem__


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the command line in an empty folder; return its exit code and what it said."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["hotmess", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code, said.out, said.err

    return call
