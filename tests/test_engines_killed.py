"""Half of a cluster is killed while it measures a store: the figures are those of one process, and nothing is left running.

`engine_loss.py` has the clusters and does the killing.
"""

from io import StringIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from clusters import need, told
from polars.testing import assert_frame_equal

import hotmess
from hotmess.store import ingest

SCRIPT = Path(__file__).with_name("engine_loss.py")
MODELS, QUESTIONS, SAMPLES = 4, 3000, 12
BURNT = {"spark": "1.5", "ray": "0.3"}  # CPU seconds of work after which a part dies: about half of what it has to do


def stated(number):
    """Probability vectors in contexts."""
    rng, rows = np.random.default_rng(number), QUESTIONS * SAMPLES
    place = np.arange(rows)
    table = {
        "model": f"m{number}",
        "question_id": [f"q{question}" for question in place // SAMPLES],
        "context_id": [f"c{context}" for context in place // 3 % 4],
        "sample_id": [str(sample) for sample in place % 3],
        "target": np.repeat(rng.choice(list("ABCD"), QUESTIONS), SAMPLES),
        "output_tokens": rng.integers(50, 5000, rows),
    }
    p = rng.dirichlet(np.full(4, 0.5), rows)
    return pl.DataFrame(table).with_columns(pl.Series(f"prob_{name}", p[:, at]) for at, name in enumerate("ABCD"))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stated")
    (folder / "tables").mkdir()
    for number in range(MODELS):
        stated(number).write_parquet(folder / "tables" / f"{number}.parquet")
    ingest([str(folder / "tables")], str(folder / "store"), texts=False)
    return str(folder / "store")


@pytest.mark.parametrize("engine", ["spark", "ray"])
def test_a_store_is_measured_though_half_of_the_cluster_dies(engine, store, tmp_path):
    need(engine)
    found = told(SCRIPT, tmp_path, engine, store, BURNT[engine])
    assert found["failed"] == ""
    assert found["begun"] < found["killed"] < found["ended"]  # dead while the queries ran
    assert found["burnt"] >= float(BURNT[engine])  # and after it had worked on them
    assert 1 <= found["asked_before"] <= found["queries"]
    here = hotmess.measure(hotmess.read(store), loss="kl", by=["output_tokens:3"]).table()
    there = pl.read_json(StringIO(found["rows"]), schema=here.schema)
    assert_frame_equal(here, there, rel_tol=0, abs_tol=1e-9)
