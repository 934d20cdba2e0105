"""Answers of a language model: the server and its life, the clients that ask it, and the counts of what they ask.

The progress bar and the shards stand in modules of their own, since they import Prefect.
"""

from __future__ import annotations

from tasks.llm.client import BatchClient
from tasks.llm.offline import OfflineClient
from tasks.llm.questions import BatchRunner, Outcome, Question, Server, ServerSource, Tally, reasons_text
from tasks.llm.server import find, on_demand, request_count, start, stop
from tasks.llm.server_handle import ServerHandle
from tasks.llm.settings import ClientSettings
from tasks.llm.vllm import obstacle

__all__ = [
    "BatchClient",
    "BatchRunner",
    "ClientSettings",
    "OfflineClient",
    "Outcome",
    "Question",
    "Server",
    "ServerHandle",
    "ServerSource",
    "Tally",
    "find",
    "obstacle",
    "on_demand",
    "reasons_text",
    "request_count",
    "start",
    "stop",
]
