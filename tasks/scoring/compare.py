"""Two scorings of one archive side by side: what moved between two models, or between two states of the archive."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tasks.manifests.parts import write_table
from tasks.params import FauxfaceError
from tasks.params.files import write_json
from tasks.params.models import CompareParams
from tasks.scoring.export import first_rows
from tasks.scoring.ledger import Scoring
from tasks.scoring.record import Finished, now
from tasks.scoring.shift import psi_of_shares, rank_correlation, shift
from tasks.scoring.store import ScoreFolder
from tasks.sources.status import Status

COMPARISON = "compare.json"
FLIPS = "flips.parquet"
EXAMPLES = 10  # of each direction
_COLUMNS = ["index", "member", "image_id", "status", "image_p_fake", "image_is_fake"]
_SIDES = [f"{name}_{side}" for side in "ab" for name in ("index", "member", "p_fake", "is_fake")]


def compare(a: Scoring, b: Scoring, limits: CompareParams, reports: Path) -> dict[str, Any]:
    """Compare two complete scorings, `a` the earlier one, and write <folder>/compare.json and flips.parquet.

    <folder> is `comparison_folder(a, b, reports)`. Returns what compare.json holds. Inputs are joined by their place
    where both scorings are of the same bytes, else by the SHA-256 of the image (and, without one, by path).
    """
    one, other = _record(a), _record(b)
    before, after = _images(a.folder), _images(b.folder)
    pairs = _joined(before, after, same=one.fingerprint == other.fingerprint)
    flips = _flips(pairs)
    comparison = {
        "name": b.name,
        "compared": now(),
        "a": _side(a, one),
        "b": _side(b, other),
        "joined": len(pairs),
        "changed_files": _changed_files(before, after),
        "flips": _flip_figures(pairs, flips),
        "spearman": rank_correlation(*_both(pairs)),
        "shift": {"overall": shift(_scores(before), _scores(after)), "same_images": shift(*_both(pairs))},
        **_statuses(before, after),
        "transitions": _transitions(pairs),
        "no_face": _no_face(before, after),
        "limits": limits.model_dump(),
    }
    comparison["warnings"] = warnings(comparison, limits)
    folder = comparison_folder(a, b, reports)
    write_table(folder / FLIPS, pa.Table.from_pandas(flips, preserve_index=False).replace_schema_metadata(None))
    write_json(folder / COMPARISON, comparison)
    return comparison


def comparison_folder(a: Scoring, b: Scoring, reports: Path) -> Path:
    """Return <reports>/compare/<name>/<model>-<fingerprint>_<model>-<fingerprint>, of `a` and of `b`."""
    names = [f"{each.model_id}-{_record(each).fingerprint[:12]}" for each in (a, b)]
    return reports / "compare" / b.name / "_".join(names)


def known_comparison(a: Scoring, b: Scoring, reports: Path) -> dict[str, Any] | None:
    """Return what `compare` found of these two before, or None where that is not at hand."""
    try:
        content = json.loads((comparison_folder(a, b, reports) / COMPARISON).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def warnings(comparison: dict[str, Any], limits: CompareParams) -> list[str]:
    """Return a sentence for each figure of a comparison that passes its limit."""
    found = []
    psi, rate = comparison["shift"]["overall"]["psi"], comparison["flips"]["rate"]
    if psi is not None and psi > limits.psi:
        found.append(f"p_fake shifted: PSI {psi:.3f}, more than {limits.psi:g} (score.compare.psi)")
    if rate is not None and rate > limits.flips:
        share = f"{100 * rate:.1f} % of the verdicts flipped"
        found.append(f"{share}, more than {100 * limits.flips:g} % (score.compare.flips)")
    return found


def _record(scoring: Scoring) -> Finished:
    if not isinstance(scoring.record, Finished):
        raise FauxfaceError(f"{scoring} is not completely scored; score the archive again to complete it.")
    return scoring.record


def _side(scoring: Scoring, record: Finished) -> dict[str, Any]:
    facts = record.model_dump(
        include={"model_id", "archive", "threshold", "inputs", "faces", "fake_images", "finished"}
    )
    return {"scoring": str(scoring), "fingerprint": record.fingerprint[:12], **facts, "params": record.params}


def _images(folder: ScoreFolder) -> pd.DataFrame:
    """Return one row per input, with its verdict."""
    tables = [first_rows(folder.read(_COLUMNS, part)) for part in folder.parts()]
    images: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    return images.rename(columns={"image_p_fake": "p_fake", "image_is_fake": "is_fake"})


def _joined(before: pd.DataFrame, after: pd.DataFrame, *, same: bool) -> pd.DataFrame:
    """Return the inputs that both have, the columns with _a and _b."""
    if same:
        pairs = before.merge(after, on="index", suffixes=("_a", "_b"))
        return pairs.assign(index_a=pairs["index"], index_b=pairs["index"])
    keyed = [images.assign(key=images["image_id"].fillna("path " + images["member"])) for images in (before, after)]
    # The same bytes may be there several times; the n-th goes with the n-th.
    one, other = (images.assign(nth=images.groupby("key").cumcount()) for images in keyed)
    return one.merge(other, on=["key", "nth"], suffixes=("_a", "_b"))


def _changed_files(before: pd.DataFrame, after: pd.DataFrame) -> int:
    """Count the paths that both have with other bytes."""
    columns = ["member", "nth", "image_id"]
    one, other = (
        images.assign(nth=images.groupby("member").cumcount())[columns].dropna() for images in (before, after)
    )
    pairs = one.merge(other, on=["member", "nth"], suffixes=("_a", "_b"))
    return int((pairs["image_id_a"] != pairs["image_id_b"]).sum())


def _flips(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the images whose verdict changed, the largest change of p_fake first."""
    judged = pairs.dropna(subset=["is_fake_a", "is_fake_b"])
    flips = judged[judged["is_fake_a"].astype(bool) != judged["is_fake_b"].astype(bool)]
    order = (flips["p_fake_a"] - flips["p_fake_b"]).abs().sort_values(ascending=False, kind="stable").index
    flips = flips.loc[order, ["image_id_a", *_SIDES]].rename(columns={"image_id_a": "image_id"})
    return flips.astype({"is_fake_a": bool, "is_fake_b": bool}).reset_index(drop=True)


def _flip_figures(pairs: pd.DataFrame, flips: pd.DataFrame) -> dict[str, Any]:
    judged = int((pairs["is_fake_a"].notna() & pairs["is_fake_b"].notna()).sum())
    to_fake, to_real = flips[flips["is_fake_b"]], flips[~flips["is_fake_b"]]
    return {
        "judged": judged,
        "to_fake": len(to_fake),
        "to_real": len(to_real),
        "rate": round(len(flips) / judged, 6) if judged else None,
        "examples": {"to_fake": _examples(to_fake), "to_real": _examples(to_real)},
    }


def _examples(flips: pd.DataFrame) -> list[dict[str, Any]]:
    first = flips.head(EXAMPLES)
    columns = (first[name].tolist() for name in ("member_b", "p_fake_a", "p_fake_b"))
    return [
        {"member": member, "p_fake_a": round(before, 6), "p_fake_b": round(after, 6)}
        for member, before, after in zip(*columns, strict=True)
    ]


def _both(pairs: pd.DataFrame) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the scores of the images that have one in both scorings."""
    scored = pairs.dropna(subset=["p_fake_a", "p_fake_b"])
    return scored["p_fake_a"].to_numpy(np.float64), scored["p_fake_b"].to_numpy(np.float64)


def _scores(images: pd.DataFrame) -> np.ndarray[Any, Any]:
    return images["p_fake"].dropna().to_numpy(np.float64)


def _statuses(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, Any]:
    """Return counts, shares and shift by status, and the PSI of the statuses themselves."""
    names = sorted({*before["status"], *after["status"]})
    shares = [np.array([(images["status"] == name).mean() for name in names]) for images in (before, after)]
    by_status = {}
    for place, name in enumerate(names):
        one, other = (images[images["status"] == name] for images in (before, after))
        counts = {"a": len(one), "b": len(other)}
        share = {f"share_{side}": round(float(shares[number][place]), 6) for number, side in enumerate("ab")}
        by_status[name] = {**counts, **share, "shift": shift(_scores(one), _scores(other))}
    return {"status": by_status, "status_psi": round(psi_of_shares(*shares), 6)}


def _transitions(pairs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return how many of the same inputs got another status, by both statuses, the most frequent first."""
    moved = pairs[pairs["status_a"] != pairs["status_b"]]
    counts = Counter(zip(moved["status_a"], moved["status_b"], strict=True))
    return [{"a": a, "b": b, "inputs": count} for (a, b), count in counts.most_common()]


def _no_face(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, Any]:
    """Return which fraction of the pictures that could be decoded shows no face, and how it changed."""
    rates = []
    for images in (before, after):
        faceless, found = ((images["status"] == status).sum() for status in (Status.NO_FACE, Status.OK))
        rates.append(round(float(faceless / (faceless + found)), 6) if faceless + found else None)
    a, b = rates
    return {"a": a, "b": b, "difference": None if a is None or b is None else round(b - a, 6)}
