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
from tasks.scoring.drift import psi_of_shares, rank_correlation, shift
from tasks.scoring.joined_scorings import changed_files, images, joined, names_at
from tasks.scoring.ledger import Scoring
from tasks.scoring.record import Finished, now
from tasks.scoring.store import ScoreFolder
from tasks.sources.status import Status

COMPARISON = "compare.json"
FLIPS = "flips.parquet"
EXAMPLES = 10  # of each direction


def compare(a: Scoring, b: Scoring, limits: CompareParams, reports: Path) -> dict[str, Any]:
    """Compare two complete scorings, `a` the earlier one, and write <folder>/compare.json and flips.parquet.

    <folder> is `comparison_folder(a, b, reports)`. Returns what compare.json holds. Inputs are joined by their place
    where both scorings are of the same bytes, else by the SHA-256 of the image (and, without one, by path).
    """
    one, other = _record(a), _record(b)
    before, after = images(a.folder), images(b.folder)
    same = one.fingerprint == other.fingerprint
    pairs = joined(before, after, same=same)
    flips = _flips(pairs, a.folder, b.folder)
    comparison = {
        "name": b.name,
        "compared": now(),
        "a": _side(a, one),
        "b": _side(b, other),
        "joined": len(pairs),
        "changed_files": 0 if same else changed_files(before, after),
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


def _flips(pairs: pd.DataFrame, a: ScoreFolder, b: ScoreFolder) -> pd.DataFrame:
    """Return the images whose verdict changed, the largest change of p_fake first."""
    flips = pairs[(pairs["verdict_a"] >= 0) & (pairs["verdict_b"] >= 0) & (pairs["verdict_a"] != pairs["verdict_b"])]
    change = (flips["p_fake_a"] - flips["p_fake_b"]).abs()
    flips = flips.loc[change.sort_values(ascending=False, kind="stable").index]
    names = [names_at(folder, flips[f"index_{side}"].to_numpy()) for folder, side in ((a, "a"), (b, "b"))]
    columns: dict[str, Any] = {"image_id": names[1]["image_id"]}
    for side, named in zip("ab", names, strict=True):
        columns[f"index_{side}"] = flips[f"index_{side}"].to_numpy()
        columns[f"member_{side}"] = named["member"]
        columns[f"p_fake_{side}"] = flips[f"p_fake_{side}"].to_numpy()
        columns[f"is_fake_{side}"] = flips[f"verdict_{side}"].to_numpy() == 1
    return pd.DataFrame(columns)


def _flip_figures(pairs: pd.DataFrame, flips: pd.DataFrame) -> dict[str, Any]:
    judged = int(((pairs["verdict_a"] >= 0) & (pairs["verdict_b"] >= 0)).sum())
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


def _scores(side: pd.DataFrame) -> np.ndarray[Any, Any]:
    return side["p_fake"].dropna().to_numpy(np.float64)


def _statuses(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, Any]:
    """Return counts, shares and shift by status, and the PSI of the statuses themselves."""
    counts = [side["status"].value_counts() for side in (before, after)]
    names = sorted(str(name) for name in Status if counts[0][name] or counts[1][name])
    shares = [count[names].to_numpy() / count.sum() for count in counts]
    by_status = {}
    for place, name in enumerate(names):
        figures: dict[str, Any] = {"a": int(counts[0][name]), "b": int(counts[1][name])}
        figures |= {f"share_{side}": round(float(shares[number][place]), 6) for number, side in enumerate("ab")}
        one, other = (_scores(side[side["status"] == name]) for side in (before, after))
        by_status[name] = {**figures, "shift": shift(one, other)}
    return {"status": by_status, "status_psi": round(psi_of_shares(*shares), 6)}


def _transitions(pairs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return how many of the same inputs got another status, by both statuses, the most frequent first."""
    moved = pairs[pairs["status_a"] != pairs["status_b"]]
    counts = Counter(zip(moved["status_a"], moved["status_b"], strict=True))
    return [{"a": a, "b": b, "inputs": count} for (a, b), count in counts.most_common()]


def _no_face(before: pd.DataFrame, after: pd.DataFrame) -> dict[str, Any]:
    """Return which fraction of the pictures that could be decoded shows no face, and how it changed."""
    rates = []
    for side in (before, after):
        faceless, found = ((side["status"] == status).sum() for status in (Status.NO_FACE, Status.OK))
        rates.append(round(float(faceless / (faceless + found)), 6) if faceless + found else None)
    a, b = rates
    return {"a": a, "b": b, "difference": None if a is None or b is None else round(b - a, 6)}
