"""The command line `fauxface`: one command per stage, each a Prefect flow; errors in words, never a traceback."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from flows import calibrate, evidence, images, models, scores, start, status
from flows.faults import DEBUG, words_for
from flows.run_stage import run_stage
from flows.supervisor import allow_supervision
from flows.unrecorded import Sources
from flows.workspace import DVC_FILE, PARAMS, SAMPLE, SCORES
from tasks.params import FauxfaceError

app = typer.Typer(
    help="Tell camera photographs of faces from generated or manipulated ones. `fauxface predict photo.jpg` answers at "
    "once; `fauxface init` makes a workspace, in which `dvc repro` runs all stages.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
ParamsFile = Annotated[Path, typer.Option("--params", help="The settings of the workspace.")]
BAD_USAGE = 2
SHIFTED = 3  # exit status of `score --strict`
EXIT_GRACE = 3.0  # seconds between Ctrl-C and the hard end; every file is whole or absent at any moment
HARD_END = 5  # seconds until the kernel ends what cannot end itself, such as a training within native code


def _show_version(wanted: bool) -> None:
    if wanted:
        import fauxface

        typer.echo(f"fauxface {fauxface.__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help=f"Show tracebacks; so does {DEBUG}=1.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback does it
        bool, typer.Option("--version", help="Show the version and end.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Take what holds for all commands."""
    if debug:
        os.environ[DEBUG] = "1"


def sample(
    out: Annotated[Path, typer.Argument(help="Folder for faces.tar, other.zip and dump.zip.")] = SAMPLE,
    seed: Annotated[int, typer.Option(help="Another seed draws other faces.")] = 7,
) -> None:
    """Draw the built-in sample: faces that look alike in both classes, but for a generator's trace."""
    members = run_stage("sample", out=out, seed=seed)
    for name, count in members.items():
        typer.echo(f"{out / name}: {count} members")


def crop(dataset: Annotated[str, typer.Argument(help="A name under `datasets`.")], params: ParamsFile = PARAMS) -> None:
    """Detect and crop the faces of one data set into data/faces/<dataset>/."""
    metrics = run_stage("crop", dataset=dataset, params_file=params)
    _say_counts(dataset, metrics)


def archive(
    name: Annotated[str, typer.Argument(help="A name under `score.archives`.")], params: ParamsFile = PARAMS
) -> None:
    """Note an archive's fingerprint, so that DVC sees when it changes."""
    run_stage("archive", name=name, params_file=params)


def split(params: ParamsFile = PARAMS) -> None:
    """Split the faces of all data sets into train, valid and test, without a leak."""
    from tasks.manifests.left_out import split_lines

    typer.echo("\n".join(split_lines(run_stage("split", params_file=params))))


def train(params: ParamsFile = PARAMS) -> None:
    """Train the recipe's network on the training split into data/model/."""
    from tasks.training.trained_text import trained_lines

    report = run_stage("train", params_file=params)
    for phase, faces in report["left_out"].items():
        if faces:
            typer.echo(
                f"phase {phase}: {faces} of its training faces were left out, evenly drawn: see `faces` of a recipe"
            )
    if not report["tells_apart"]:
        typer.echo(
            "nothing that holds for other faces was learnt: the model gives all validation faces the same answer"
        )
    for dataset in report["nothing_learnt"]:
        typer.echo(f"nothing that holds for other faces was learnt of the fakes of {dataset}: the model misses them")
    typer.echo("\n".join(trained_lines(report)))


def evaluate(
    detector: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Measure this detector in place of the model: a .py, .onnx or .xml file."),
    ] = None,
    params: ParamsFile = PARAMS,
) -> None:
    """Measure the model on the test split and on the test-only data sets; or somebody else's detector, after that."""
    from tasks.evaluation.text import detector_lines, lines

    if detector is None:
        typer.echo("\n".join(lines(run_stage("evaluate", params_file=params))))
    else:
        typer.echo("\n".join(detector_lines(run_stage("detector", params_file=params, file=detector))))
        typer.echo("`fauxface report` sets it beside the model on the page.")


def sources(
    folds: Annotated[int, typer.Option(min=2, help="Trainings, which between them leave out every data set.")] = 4,
    family: Annotated[bool, typer.Option("--family", help="Leave out one `family:` of fakes after the other.")] = False,
    params: ParamsFile = PARAMS,
) -> None:
    """Measure the recipe on sources that it is not trained on, in several trainings without some of them."""
    from tasks.training.sources.yardstick_text import table

    typer.echo("\n".join(table(run_stage("sources", params_file=params, folds=folds, by_family=family))))


def score(
    sources: Annotated[
        list[str] | None, typer.Argument(help="Dumps to score; without any, those of `score.archives`.")
    ] = None,
    model: Annotated[str | None, typer.Option(help=images.NAMED_MODEL)] = None,
    out: Annotated[str, typer.Option(help="Folder or URL of the Parquet data set of scores.")] = str(SCORES),
    encoding: Annotated[
        str | None,
        typer.Option(help="Of the names in the dumps named here, where they are no Unicode: cp932, gbk, ..."),
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Score the inputs again that failed.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help=f"Exit with status {SHIFTED} where scores moved beyond `score.compare`.")
    ] = False,
    params: ParamsFile = PARAMS,
) -> None:
    """Score archives: one row per face with its probability of being fake, one per image without a face."""
    from tasks.scoring.naming import archive_of
    from tasks.scoring.text import overview_lines, summary_lines

    _refuse_photographs(sources or [])
    if encoding and not sources:
        raise typer.BadParameter("--encoding is for dumps named here; those in params.yaml have a key of that name")
    named = Sources(*(archive_of(source, encoding) for source in sources or ()))
    summary = run_stage("score", params_file=params, model=model, out=out, sources=named, retry_failed=retry_failed)
    for name, metrics in summary["archives"].items():
        typer.echo("\n".join(summary_lines(name, metrics, summary["model_id"])))
    for line in overview_lines(summary["archives"]):
        typer.echo(line)
    for notice in summary["notices"]:
        typer.echo(notice)
    for words in summary["failed"].values():
        print(f"fauxface: {words}", file=sys.stderr)  # noqa: T201
    if summary["failed"]:
        raise typer.Exit(1)
    if strict and summary["alarms"]:
        raise typer.Exit(SHIFTED)


def report(params: ParamsFile = PARAMS) -> None:
    """Write reports/index.html: one page of what every stage did."""
    typer.echo(run_stage("report", params_file=params))


def pipeline() -> None:
    """Run all stages that are not up to date: `dvc repro`, with one Prefect server for them all."""
    if not DVC_FILE.is_file():
        raise FauxfaceError(f"{DVC_FILE.absolute()}: is missing. Run this in a workspace (README, Your own data).")
    run_stage("pipeline")


def schedule(params: ParamsFile = PARAMS) -> None:
    """Serve the schedules: score what arrives in the inbox, score again with a new model, retrain. Ctrl-C ends it."""
    from flows.schedule import schedule as serve

    serve(params)


# In the order in which people need them, as `fauxface` without a command shows them.
_GROUPS: dict[str, list[Callable[..., Any]]] = {
    "Start": [start.init, start.add, status.check, pipeline, status.status],
    "Single images": [images.predict, evidence.explain, images.detect],
    "Scores": [score, calibrate.calibrate],
    "Stages, as `dvc repro` runs them": [sample, crop, split, train, evaluate, archive, report],
    "How far to trust it": [sources],
    "Schedules": [schedule],
}
for _group, _commands in _GROUPS.items():
    for _command in _commands:
        _class = start.ManyValues if _command is start.init else None
        app.command(cls=_class, rich_help_panel=_group)(_command)
    if _group == "Scores":
        app.add_typer(scores.app, name="scores", rich_help_panel=_group)
        app.add_typer(models.app, name="model", rich_help_panel=_group)


def command() -> None:
    """Run the command line as a process of its own: the console script `fauxface`."""
    allow_supervision()
    main()


def main() -> None:
    """Run the command line; exit status 0, 1 after an error that names its remedy, 2 for bad usage, 130 for Ctrl-C."""
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        sys.exit(app(_debug_first(sys.argv[1:]), standalone_mode=False))
    except TyperException as error:
        _say_usage(error)
        sys.exit(BAD_USAGE)
    except Exception as error:  # noqa: BLE001 - whatever it is, a user gets words and a log
        sys.exit(words_for(error))


def _debug_first(words: list[str]) -> list[str]:
    """Let `--debug` stand anywhere among a command's words."""
    end = words.index("--") if "--" in words else len(words)
    ours = [word for word in words[:end] if word == "--debug"]
    return [*ours[:1], *(word for word in words[:end] if word != "--debug"), *words[end:]]


def _say_usage(error: Any) -> None:
    """Say in one line what is wrong with the words of a command; without any, show the help."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "fauxface"
    message = error.format_message()
    if message:
        print(f"{command}: {message.rstrip('.')}. See `{command} --help`.", file=sys.stderr)  # noqa: T201


def _refuse_photographs(sources: list[str]) -> None:
    """Raise a usage error for a source that is a photograph, which another command is for."""
    from tasks.sources.named import is_picture

    for source in sources:
        if is_picture(source):
            raise typer.BadParameter(f"{source} is a picture, no dump: `fauxface predict {shlex.quote(source)}`")


def _interrupt(number: int, _frame: object) -> None:
    """End within seconds whatever runs: work in threads cannot be stopped, but a half-written file is never seen."""
    print("\nStopping. What is finished is kept: the same command goes on from there.", file=sys.stderr, flush=True)  # noqa: T201
    for each in (signal.SIGINT, signal.SIGTERM):  # a supervisor hands on what its child has got already
        signal.signal(each, signal.SIG_IGN)
    sys.unraisablehook = lambda _: None  # where a finaliser runs, the exit below would be shown as its failure
    timer = threading.Timer(EXIT_GRACE, os._exit, (128 + number,))
    timer.daemon = True
    timer.start()
    # While Python ends, no thread of it runs any more; the kernel's clock still does.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(HARD_END)
    raise SystemExit(128 + number)


def _say_counts(name: str, metrics: dict[str, Any]) -> None:
    from tasks.cropping.crop_text import crop_lines

    typer.echo("\n".join(crop_lines(name, metrics)))


if __name__ == "__main__":
    command()
