"""Tables of one's own: their layout, a profile made for them, and tables of pairs to explain."""

from __future__ import annotations

from storage.adapters.table.own_tables import InferredTable, infer_table, write_profile
from storage.adapters.table.pair_files import read_pairs

__all__ = ["InferredTable", "infer_table", "read_pairs", "write_profile"]
