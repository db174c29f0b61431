"""Stores: logs in, once each, as parts that add up; see `hotmess.read.store` for what a store is."""

from hotmess.store.compact import Compacted, compact
from hotmess.store.ingest import Ingested, ingest
from hotmess.store.upkeep import Found, clean, verify

__all__ = ["Compacted", "Found", "Ingested", "clean", "compact", "ingest", "verify"]
