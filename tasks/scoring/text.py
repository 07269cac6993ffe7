"""Scorings as a terminal shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.manifests.parts import Row
from tasks.scoring.counts import Example, failures
from tasks.scoring.ledger import Scoring
from tasks.sources.status import Status
from tasks.text_table import table

MAX_REASONS = 3
MAX_NAME = 200  # characters; a path in an archive may have 65,535
_BARS = "▁▂▃▄▅▆▇█"


def name(value: str, length: int = MAX_NAME) -> str:
    """Return a name from a dump fit to be read: cut in the middle to `length`, what does not print as its code.

    So no character of it can turn the direction of the text around it, none steers a terminal, and no lone surrogate
    ends up in a file.
    """
    cut = value if len(value) <= length else f"{value[: length // 2]} … {value[-length // 2 :]}"
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in cut)


def summary_lines(archive: str, metrics: dict[str, Any], model_id: str) -> list[str]:
    """Return what became of an archive, of which `metrics` is the entry in reports/score.json."""
    statuses = ", ".join(f"{count:,} {status}" for status, count in metrics["status"].items())
    rate = metrics["images_per_second"]
    speed = f"; {rate:.0f} images/s" if rate is not None else ""
    lines = [f"{archive}: {metrics['inputs']:,} inputs = {statuses}; {metrics['faces']:,} faces{speed}"]
    if metrics["faces"]:
        lines.append(f"  p_fake of the faces: 0 {bars(metrics['histogram'])} 1; {metrics['fake_faces']:,} called fake")
        lines.append(f"  verdicts of the faces: {shares(metrics['verdicts'])}")
    rule = {"max": "their most suspicious face", "mean": "the mean of their faces", "largest": "their largest face"}
    images = f"{metrics['fake_images']:,} images called fake by {rule[metrics['verdict']]}"
    lines.append(f"  {images} (model {model_id})")
    if metrics["image_verdicts"]:
        lines.append(f"  verdicts of the images: {shares(metrics['image_verdicts'])}")
    return [*lines, *_failure_lines(metrics), f"  scores: {metrics['scores']}"]


def overview_lines(archives: Mapping[str, dict[str, Any]]) -> list[str]:
    """Return several archives, their entries in reports/score.json, as a table; nothing for one."""
    head = ["archive", "inputs", "with a face", "failed", "called fake", "unsure"]
    rows = [
        [
            name(archive, 40),
            *(
                f"{count:,}"
                for count in (
                    metrics["inputs"],
                    metrics["status"].get(Status.OK, 0),
                    failures(metrics["status"]),
                    metrics["fake_images"],
                    metrics["image_verdicts"].get("unsure", 0),
                )
            ),
        ]
        for archive, metrics in archives.items()
    ]
    return table([head, *rows], right=range(1, len(head))) if len(rows) > 1 else []


def _failure_lines(metrics: dict[str, Any]) -> list[str]:
    """Return how many inputs failed, the commonest reasons with an input each, and what another try may help."""
    status = metrics["status"]
    if not failures(status):
        return []
    failed = failures(status)
    lines = [
        f"  {failed:,} input{'' if failed == 1 else 's'} failed:",
        *(f"    {each}" for each in _reasons(metrics)[:MAX_REASONS]),
    ]
    if metrics["retryable"]:
        lines.append(f"  --retry-failed tries again what could not be read: {metrics['retryable']:,} inputs")
    if status.get(Status.TOO_LARGE):
        lines.append("  --retry-failed scores the large ones too, once crop.max_pixels of params.yaml allows them")
    return lines


def unread_line(source: str, metrics: dict[str, Any]) -> str:
    """Return in a sentence why nothing of an archive could be read."""
    reasons = _reasons(metrics)
    why = f"of {metrics['inputs']:,} inputs {reasons[0]}" if reasons else "it holds no picture"
    return f"{name(source)}: nothing in it could be read: {why}."


def _reasons(metrics: dict[str, Any]) -> list[str]:
    """Return the statuses of failed inputs, the commonest first, each with an example."""
    failed = {status: count for status, count in metrics["status"].items() if failures({status: count})}
    commonest = sorted(failed, key=lambda status: (-failed[status], status))
    return [f"{failed[status]:,} {status}{_such_as(metrics['examples'].get(status))}" for status in commonest]


def _such_as(example: Example | None) -> str:
    return f", such as {name(example['member'], 80)} ({name(example['error'])})" if example else ""


def bars(histogram: Sequence[int]) -> str:
    """Return a histogram as a row of blocks; a bin that is not empty shows."""
    top = max(histogram)
    return "".join(_BARS[-(-count * (len(_BARS) - 1) // top)] if count else " " for count in histogram)


def shares(counts: dict[str, int]) -> str:
    """Return counts by name as shares of their sum, the largest first."""
    total = sum(counts.values())
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{100 * count / total:.1f} % {name}" for name, count in ordered)


def ledger_lines(scorings: Sequence[Scoring]) -> list[str]:
    """Return the ledger as a table."""
    head = ["archive", "model", "scored", "inputs", "failed", "faces", "fake images", "when (UTC)", "settings"]
    rows = [_ledger_row(each) for each in scorings]
    return table([head, *rows], right={2, 3, 4, 5, 6})


def _ledger_row(scoring: Scoring) -> list[str]:
    done = "?" if scoring.percent is None else f"{scoring.percent} %"
    figures = (scoring.inputs, scoring.failures, scoring.faces, scoring.fake_images)
    shown = settings(scoring.record.params) if scoring.record else "?"
    when = scoring.when[:16].replace("T", " ") or "?"
    counts = [f"{each:,}" for each in figures]
    return [scoring.folder.archive, scoring.model_id, done, *counts, when, shown]


def face_lines(faces: Sequence[Row]) -> list[str]:
    """Return faces, the most suspicious first, as a table."""
    head = ["", "p_fake", "called", "member", "face", "box (x, y, width, height)", "image"]
    rows = [
        [
            str(rank),
            f"{face['p_fake']:.3f}",
            "fake" if face["is_fake"] else "real",
            name(face["member"], 60),
            f"{face['face_index'] + 1} of {face['n_faces']}",
            ", ".join(f"{face[f'box_{side}']:.0f}" for side in ("x", "y", "width", "height")),
            f"{face['width']} x {face['height']}",
        ]
        for rank, face in enumerate(faces, 1)
    ]
    return table([head, *rows], right={0})


def comparison_lines(comparison: dict[str, Any]) -> list[str]:
    """Return what moved between two scorings."""
    a, b, flips, no_face = (comparison[name] for name in ("a", "b", "flips", "no_face"))
    overall = comparison["shift"]["overall"]
    lines = [
        f"{comparison['name']}: {a['scoring']} ({a['finished'][:10]}) against {b['scoring']} ({b['finished'][:10]})",
        f"  inputs: {a['inputs']:,} and {b['inputs']:,}, {comparison['joined']:,} the same; "
        f"{comparison['changed_files']:,} files changed",
        f"  verdicts flipped: {flips['to_fake']:,} to fake, {flips['to_real']:,} to real, "
        f"of {flips['judged']:,} ({_percent(flips['rate'])})",
        f"  p_fake: PSI {_figure(overall['psi'])}, KS {_figure(overall['ks'])} (p {_figure(overall['ks_p'], '.2g')}), "
        f"rank correlation {_figure(comparison['spearman'])}",
        f"  without a face: {_percent(no_face['a'])} and {_percent(no_face['b'])}",
    ]
    if a["params"] != b["params"]:
        lines.append(f"  settings differ: {settings(a['params'])} and {settings(b['params'])}")
    lines += [f"  {each['inputs']:,} from {each['a']} to {each['b']}" for each in comparison["transitions"]]
    for way, examples in flips["examples"].items():
        lines += [f"  {way.replace('_', ' ')}: {_example(each)}" for each in examples[:3]]
    return lines + [f"  WARNING: {warning}" for warning in comparison["warnings"]]


def settings(params: dict[str, Any]) -> str:
    """Return the settings of a scoring in one line."""
    return " ".join(f"{key}={value}" for key, value in params.items())


def _example(flip: dict[str, Any]) -> str:
    return f"{name(flip['member'], 60)} ({flip['p_fake_a']:.3f} to {flip['p_fake_b']:.3f})"


def _percent(value: float | None) -> str:
    return "not defined" if value is None else f"{100 * value:.2f} %"


def _figure(value: float | None, form: str = ".3f") -> str:
    return "not defined" if value is None else format(value, form)
