"""Engines: what runs the queries over samples. Polars in this process; DuckDB, which spills to disk; Spark and Ray elsewhere.

An engine only adds. It reads Parquet where it lies, as a lazy frame that narwhals drives (Ray through Daft), and gives back a
row per question; the mathematics is here. What an engine is to be told beyond this, its own configuration and environment say.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from logging import ERROR
from socket import create_connection
from typing import Any, Literal, get_args

import narwhals as nw
import polars as pl

from hotmess.errors import MissingExtra, Unreachable, UsageError, one_of

__all__ = ["HERE", "Engine", "EngineName", "engine_of"]

EngineName = Literal["polars", "duckdb", "spark", "ray"]

_KINDS = {"spark": "spark://host:7077, sc://host, local[4], yarn", "ray": "auto, host:6379, ray://host:10001"}
_PATIENCE = 10.0  # seconds
_NEEDS = {"duckdb": ("duckdb",), "spark": ("pyspark",), "ray": ("ray", "daft", "narwhals_daft")}


@dataclass(frozen=True, slots=True)
class Engine:
    """What runs queries.

    Attributes:
        name: which.
        address: of a cluster, such as ``spark://host:7077``, ``sc://host``, ``ray://host:10001`` or ``auto``; without one, what
            the environment says, and else this machine.
        memory: what DuckDB may take before it writes to disk, such as ``4GB``.
    """

    name: EngineName = "polars"
    address: str | None = None
    memory: str | None = None

    @property
    def is_here(self) -> bool:
        """Whether Polars runs the queries, in this process."""
        return self.name == "polars"

    def scan(self, paths: Sequence[str]) -> nw.LazyFrame[Any]:
        """Files of Parquet, of one schema, as a lazy frame.

        Raises:
            MissingExtra: the engine is not installed.
            Unreachable: its cluster cannot be reached.
        """
        self.require()
        scans = {"polars": _polars, "duckdb": self._duckdb, "spark": self._spark, "ray": self._ray}
        return nw.from_native(scans[self.name](list(paths)))

    def require(self) -> None:
        """See that the engine is installed.

        Raises:
            MissingExtra: it is not.
        """
        absent = [module for module in _NEEDS.get(self.name, ()) if find_spec(module) is None]
        if absent:
            found = f"the engine {self.name} needs {absent[0]}, which is not installed"
            raise MissingExtra(found, hint=f"pip install 'hotmess[{self.name}]'")

    def _duckdb(self, paths: list[str]) -> Any:
        import duckdb

        connection = duckdb.default_connection()  # the one that narwhals uses as well
        if self.memory is not None:
            try:
                connection.execute("SET memory_limit = ?", [self.memory])
            except duckdb.Error as problem:
                raise UsageError(f"`--memory {self.memory}` is no size", hint="--memory 4GB") from problem
        if "://" in paths[0]:
            from fsspec.core import url_to_fs

            connection.register_filesystem(url_to_fs(paths[0])[0])
        return connection.read_parquet(paths, hive_partitioning=False)

    def _spark(self, paths: list[str]) -> Any:
        # By default Spark takes the names of folders for columns; a store has these in its files, too.
        return self.spark().read.option("recursiveFileLookup", "true").parquet(*map(_for_hadoop, paths))

    def _ray(self, paths: list[str]) -> Any:
        import daft

        self.ray()
        return daft.read_parquet(paths, hive_partitioning=False)

    def spark(self) -> Any:
        """The session of Spark that is running, or a new one.

        Raises:
            Unreachable: there is no cluster at the address.
        """
        from pyspark.sql import SparkSession

        if (self.address or "local").startswith("local"):
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else workers take any python3 that they find
        quiet: dict[str, Any] = {"spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR"}  # of a session that is new
        building = SparkSession.builder.appName("hotmess").config(map=quiet)
        if self.address is not None:
            building = building.remote(self.address) if self.address.startswith("sc://") else building.master(self.address)
        try:
            self._knock()
            return building.getOrCreate()
        except Exception as problem:
            raise self._unreachable(problem) from problem

    def ray(self) -> None:
        """Join the cluster of Ray, and let Daft run its queries there.

        Raises:
            Unreachable: there is no cluster at the address.
        """
        import daft
        import ray

        try:
            if not ray.is_initialized():
                self._knock()
                ray.init(address=self.address, log_to_driver=False, logging_level=ERROR)
            if daft.get_or_infer_runner_type() != "ray":
                daft.set_runner_ray()
        except Exception as problem:
            raise self._unreachable(problem) from problem

    def _knock(self) -> None:
        """See that somebody listens at the address, which engines try for minutes."""
        scheme, found, rest = (self.address or "").rpartition("://")
        host, _, port = rest.split(",")[0].partition("/")[0].partition(":")
        if found and scheme not in ("spark", "sc", "ray", "k8s"):
            raise ValueError(f"there is no address of this kind; known are {_KINDS[self.name]}")
        if port.isdigit():
            create_connection((host, int(port)), timeout=_PATIENCE).close()

    def _unreachable(self, problem: Exception) -> Unreachable:
        said = (str(problem).strip() or type(problem).__name__).splitlines()[0][:200]
        where = f" at `{self.address}`" if self.address else ""
        return Unreachable(f"{self.name}{where} cannot be reached: {said}", hint="--address URL of the cluster; is it running?")


HERE = Engine()


def engine_of(name: str, address: str | None = None, memory: str | None = None) -> Engine:
    """The engine of a name.

    Raises:
        UsageError: there is none, or it does not take what it is given.
        MissingExtra: it is not installed.
    """
    engine = Engine(one_of("engine", name, get_args(EngineName)), address, memory)
    if address is not None and engine.name not in ("spark", "ray"):
        raise UsageError(f"`--address {address}` is of a cluster, and {name} has none", hint="--engine spark | ray")
    if memory is not None and engine.name != "duckdb":
        raise UsageError(f"`--memory {memory}` is for DuckDB; {name} has settings of its own", hint="--engine duckdb")
    engine.require()
    return engine


def _polars(paths: list[str]) -> pl.LazyFrame:
    return pl.scan_parquet(paths, glob=False, hive_partitioning=False)


def _for_hadoop(path: str) -> str:
    """Hadoop's name for the address: it calls S3 s3a."""
    return path.replace("s3://", "s3a://", 1) if path.startswith("s3://") else path
