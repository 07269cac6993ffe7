"""The commands with which a workspace begins and grows: `fauxface init` and `fauxface add`. They need no server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from flows.supervisor import supervise
from flows.workspace import DVC_FILE, PARAMS
from tasks.params import FauxfaceError

if TYPE_CHECKING:
    from tasks.starting.draft import Draft, Given

_MANY = ("--real", "--fake", "--test", "--score")
_LABELS = ("real", "fake")


class ManyValues(TyperCommand):
    """A command whose options --real, --fake, --test and --score take all words up to the next option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat such an option before each of its words."""
        return super().parse_args(ctx, repeated(args))


def repeated(words: Sequence[str]) -> list[str]:
    """Return the words with an option of _MANY before each of its values: `--fake a b` as `--fake a --fake b`."""
    found: list[str] = []
    option, fresh = "", False
    for place, word in enumerate(words):
        if word == "--":
            return [*found, *words[place:]]
        if word.startswith("-") and word != "-":
            name = word.partition("=")[0]
            option, fresh = (name if name in _MANY else ""), "=" not in word
            found.append(word)
        else:
            found += [option, word] if option and not fresh else [word]
            fresh = False
    return found


def init(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FOLDER] [SOURCE...]",
            help="The folder to make; by default this one. Sources that hold both, in folders named real and fake.",
        ),
    ] = None,
    real: Annotated[list[str] | None, typer.Option(metavar="SOURCE...", help="Photographs.")] = None,
    fake: Annotated[list[str] | None, typer.Option(metavar="SOURCE...", help="Generated or manipulated.")] = None,
    test: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE...", help="Never trained on, only tested on; SOURCE=real or =fake says what."),
    ] = None,
    score: Annotated[list[str] | None, typer.Option(metavar="SOURCE...", help="Dumps for the model to score.")] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="With the drawn sample, to see how all of it works.")
    ] = False,
) -> None:
    """Make a workspace of your photographs and fakes, which `dvc repro` runs as it is.

    A source is a folder, an archive or Parquet, at a path or a URL. Each is looked at first: how many pictures, a face
    in how many, which rule gives labels and groups. With --score alone nothing is trained: the reference model scores.
    """
    folder, bare = _folder_and_sources(words or [])
    given = _given(bare, real or [], fake or [], test or [])
    _refuse_workspace(folder)
    if not (given or sample or score):
        raise typer.BadParameter(
            "Name the sources: --real photos/ --fake gan/ diffusion.zip, or one that holds both; or --score dump.zip, "
            "for the reference model to score"
        )
    supervise(repeats=True)
    from tasks.starting.draft import Draft
    from tasks.starting.sample import sample_entries
    from tasks.starting.settings_text import settings_text

    draft = Draft(*sample_entries()) if sample else Draft()
    _look(draft, given, score or [], folder, [], [])
    missing = [] if sample or not given else draft.missing()
    if missing:
        raise FauxfaceError(
            f"No source holds {' or '.join(missing)} pictures to train on; nothing was written. Name some with "
            f"{' and '.join(f'--{label}' for label in missing)}."
        )
    _write(folder, settings_text(draft.datasets, draft.archives), draft)


def add(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...", help="Folders, archives, Parquet, URLs.")],
    real: Annotated[bool, typer.Option("--real", help="They are photographs.")] = False,
    fake: Annotated[bool, typer.Option("--fake", help="They are generated or manipulated.")] = False,
    test: Annotated[bool, typer.Option("--test", help="Never train on them, only test.")] = False,
    score: Annotated[bool, typer.Option("--score", help="They are dumps for the model to score.")] = False,
) -> None:
    """Add sources to this workspace; what stands in params.yaml stays as it is, comments too."""
    if (real and fake) or (score and (real or fake or test)):
        raise typer.BadParameter("Of --real, --fake and --score only one can be")
    from tasks.params import load_params

    params = load_params(PARAMS)
    supervise(repeats=True)
    from tasks.starting.draft import Draft, Given
    from tasks.starting.settings_text import params_of, with_entries
    from tasks.starting.stages_text import stages_text

    said = "real" if real else "fake" if fake else None
    given = (
        [] if score else [Given(url, label or said, "test" if test else "split") for url, label in map(_said, sources)]
    )
    draft = Draft()
    _look(draft, given, sources if score else [], Path(), list(params.datasets), list(params.score.archives))
    before = PARAMS.read_text(encoding="utf-8")
    after = with_entries(before, draft.datasets, draft.archives, str(PARAMS))
    ours = DVC_FILE.is_file() and DVC_FILE.read_text(encoding="utf-8") == stages_text(params, Path())
    _save(PARAMS, after)
    wanted = stages_text(params_of(after), Path())
    if ours:
        _save(DVC_FILE, wanted)
    _say_problems(draft)
    typer.echo(f"Added to {PARAMS}: {', '.join(entry.name for entry in (*draft.datasets, *draft.archives))}.")
    if not ours:
        _say_stages(params_of(after))
    typer.echo("Next: fauxface check, then dvc repro")


def _folder_and_sources(words: Sequence[str]) -> tuple[Path, list[str]]:
    """Tell the workspace's folder from sources: it comes first, and is no file and no URL."""
    from tasks.sources.location import is_local

    if words and is_local(words[0]) and not _said(words[0])[1] and not Path(words[0]).expanduser().is_file():
        return Path(words[0]).expanduser(), list(words[1:])
    return Path(), list(words)


def _given(bare: Sequence[str], real: Sequence[str], fake: Sequence[str], test: Sequence[str]) -> list[Given]:
    from tasks.starting.draft import Given

    sources = [Given(*_said(url)) for url in bare]
    sources += [Given(url, label) for label, urls in zip(_LABELS, (real, fake), strict=True) for url in urls]
    return sources + [Given(*_said(url), "test") for url in test]


def _said(source: str) -> tuple[str, str | None]:
    """Take `lfw.zip=real` apart; a source whose path ends so is left whole."""
    url, equals, label = source.rpartition("=")
    return (url, label) if equals and label in _LABELS and not Path(source).exists() else (source, None)


def _refuse_workspace(folder: Path) -> None:
    for name in (PARAMS, DVC_FILE):
        if (folder / name).exists():
            raise FauxfaceError(
                f"{folder / name}: is there already. Add a source to that workspace with `fauxface add`, or name "
                "another folder."
            )


def _look(
    draft: Draft, given: Sequence[Given], archives: Sequence[str], folder: Path, names: Sequence[str],
    archive_names: Sequence[str],
) -> None:  # fmt: skip
    """Look at all sources, saying of each what was understood."""
    for each in given:
        typer.echo("\n".join(draft.add_dataset(each, folder, names)))
    for url in archives:
        typer.echo("\n".join(draft.add_archive(url, folder, archive_names)))


def _write(folder: Path, settings: str, draft: Draft) -> None:
    """Write the workspace's files, and make the folder a repository."""
    from tasks.starting.repository import make_repository, write_ignored
    from tasks.starting.settings_text import params_of
    from tasks.starting.stages_text import stages_text

    folder.mkdir(parents=True, exist_ok=True)
    _save(folder / DVC_FILE, stages_text(params_of(settings), folder))
    own = [entry.source for entry in (*draft.datasets, *draft.archives)]
    write_ignored(folder, [source for source in own if "://" not in source and not source.startswith(("..", "/"))])
    done = make_repository(folder)
    _save(folder / PARAMS, settings)  # last: with it the workspace is one
    _say_problems(draft)
    written = ", ".join(str(folder / name) for name in (PARAMS, DVC_FILE, ".gitignore"))
    typer.echo(f"Written: {written}{'; ' + ', '.join(done) if done else ''}")
    typer.echo("Next: " + ("" if folder == Path() else f"cd {folder} && ") + "fauxface check && dvc repro")


def _say_problems(draft: Draft) -> None:
    for problem in (*draft.problems, *draft.remarks()):
        typer.echo(f"note: {problem}")


def _say_stages(params: Any) -> None:
    """Say what a dvc.yaml that its user has changed may lack."""
    from tasks.starting.stages_text import tables_beside

    lines = [f"- {table} among the deps of the stage split" for table in tables_beside(params, Path())]
    if params.score.archives:
        lines.append("- the stages archive and score, and data/scores among the deps of report")
    typer.echo(f"{DVC_FILE} is not as `fauxface init` wrote it, and was left alone.")
    if lines:
        typer.echo("\n".join(["It needs:", *lines]))


def _save(path: Path, text: str) -> None:
    from tasks.params.files import atomic_write

    with atomic_write(path) as temp:
        temp.write_text(text, encoding="utf-8")
