"""Stage `archive`: the fingerprint of an archive to score, so that DVC sees when it changed under its name."""

from __future__ import annotations

import functools
from pathlib import Path

from prefect import flow

from flows.workspace import ARCHIVES, DOWNLOADS, FINGERPRINTS
from tasks.params import FauxfaceError, load_params
from tasks.params.files import write_json
from tasks.sources import open_source
from tasks.sources.fingerprints import fingerprint_of


@flow(name="archive", flow_run_name="archive-{name}")
def archive(name: str, params_file: Path) -> None:
    """Write data/archives/<name>.json: source and fingerprint of one of `score.archives`."""
    archives = load_params(params_file).score.archives
    if name not in archives:
        raise FauxfaceError(f"{params_file}: score.archives has no {name!r}; it names {', '.join(archives) or 'none'}.")
    settings = archives[name]
    opening = functools.partial(open_source, settings.source, sha256=settings.sha256, cache=DOWNLOADS)
    fingerprint = fingerprint_of(settings.source, settings.sha256, opening, FINGERPRINTS)
    write_json(ARCHIVES / f"{name}.json", {"source": settings.source, "fingerprint": fingerprint})
