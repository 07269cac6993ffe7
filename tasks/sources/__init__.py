"""What a dump is: containers of images, streamed in a stable order; downloads with a checksum; the drawn sample."""

from __future__ import annotations

from tasks.sources.download import download
from tasks.sources.member import MAX_MEMBER_BYTES, Member, Shard, SourceError
from tasks.sources.opening import open_source
from tasks.sources.source import IndexedSource, Source, StreamSource
from tasks.sources.status import Status

__all__ = [
    "MAX_MEMBER_BYTES",
    "IndexedSource",
    "Member",
    "Shard",
    "Source",
    "SourceError",
    "Status",
    "StreamSource",
    "download",
    "open_source",
]
