"""Runtime checks of annotations while tests run: an int is a float, as every type checker has it (PEP 484)."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
