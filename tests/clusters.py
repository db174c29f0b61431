"""Clusters of Spark and Ray on this machine, each in a process tree of its own, of which nothing is left afterwards."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

MODULES = {
    "duckdb": ("duckdb",),
    "spark": ("pyspark",),
    "daft": ("daft", "narwhals_daft"),
    "ray": ("ray", "daft", "narwhals_daft"),
}


def need(engine):
    """Skip a test of an engine that is not there."""
    for module in MODULES[engine]:
        pytest.importorskip(module)
    if engine == "spark" and shutil.which("java") is None:
        pytest.skip("Spark needs Java")


def marked(mark):
    """The processes that a script of ours started."""
    psutil = pytest.importorskip("psutil")
    for one in psutil.process_iter():
        try:
            if one.environ().get("HOTMESS_TEST") == mark and one.status() != psutil.STATUS_ZOMBIE:
                yield one
        except psutil.Error:
            continue


def told(script, tmp_path, *words):
    """What a script writes as JSON into the file that it is given last."""
    psutil, mark = pytest.importorskip("psutil"), uuid4().hex
    folder = Path("/tmp") / f"hm{mark[:8]}"  # noqa: S108 - Ray keeps sockets there, whose names must be short
    folder.mkdir()
    ours = {"HOTMESS_TEST": mark, "PYSPARK_PYTHON": sys.executable, "RAY_TMPDIR": str(folder), "SPARK_LOCAL_IP": "127.0.0.1"}
    command = [sys.executable, str(script), *words, str(tmp_path / "told.json")]
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path, env=os.environ | ours
        )
        assert ran.returncode == 0, ran.stderr[-3000:]
        _, alive = psutil.wait_procs(list(marked(mark)), timeout=30)
        assert alive == []
    finally:
        for one in marked(mark):
            one.kill()
        shutil.rmtree(folder, ignore_errors=True)
    return json.loads((tmp_path / "told.json").read_text())
