"""Oracles, and how fast the property tests are: HYPOTHESIS_PROFILE=ci for more examples."""

import json
import os
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import settings

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
