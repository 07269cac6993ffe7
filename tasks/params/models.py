"""The settings of a workspace (`params.yaml`) as frozen models: parsed once, at the edge, and handed on in parts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from tasks.params.errors import FauxfaceError
from tasks.params.frozen import Frozen
from tasks.params.labels import FolderLabel, GroupRule, LabelRule, NoGroup
from tasks.params.runner import RunnerParams
from tasks.params.schedule import ScheduleParams

# Names become folder names, Hive partition values and parts of DVC's dotted parameter paths (so: no dot).
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64)]
# What is named on the command line is called after its file, in whatever script that is (tasks/scoring/naming.py).
ArchiveName = Annotated[str, Field(pattern=r"^[\p{L}\p{M}\p{N}_-]+$", max_length=64)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Keep = Literal["largest", "all", "centre", "most_confident"]
Verdict = Literal["max", "mean", "largest"]
ThresholdRule = Literal["balanced", "false_alarm"]
Precision = Literal["f32", "bf16"]
ExplainMethod = Literal[
    "best",
    "exact",
    "occlusion",
    "shap",
    "cam",
    "gradcam",
    "gradcam10",
    "hirescam",
    "guided",
    "guided_gradcam",
    "integrated",
    "features",
]
EXPLAIN_METHODS: tuple[str, ...] = get_args(ExplainMethod)


class ArchiveParams(Frozen):
    """A dump to score: a folder, an archive or a Parquet data set, at a path or a URL.

    `encoding` is that of the names in a zip or tar that are no Unicode, as Python calls it (`cp932`, `gbk`, `latin-1`);
    null: cp437 in a zip, as its format says, and bytes written as `\\udcXX` in a tar.
    """

    name: ArchiveName
    source: str = Field(min_length=1)
    sha256: Sha256 | None = None
    encoding: str | None = None

    @field_validator("encoding")
    @classmethod
    def _is_an_encoding(cls, encoding: str | None) -> str | None:
        try:
            known = encoding is None or b"name".decode(encoding, "surrogateescape") == "name"
        except (LookupError, UnicodeError):
            known = False
        if not known:
            raise ValueError(
                f"{encoding!r} is no encoding of text that Python knows; try cp932, gbk, big5, euc-kr or latin-1"
            )
        return encoding


class DatasetParams(ArchiveParams):
    """A labelled dump.

    `use`: `split` takes part in the split, `test` is only ever tested on, `given` brings its own
    train/valid/test folders. All but `source` and its like is applied when the faces are split, and so may change
    without cropping again.
    """

    label: LabelRule = FolderLabel()
    # What kind of fakes these are, in the user's words (gan, diffusion, swap, ...): `fauxface sources --family` leaves
    # out one kind after the other.
    family: Name | None = None
    group: GroupRule = NoGroup()
    use: Literal["split", "test", "given"] = "split"
    # Whether one face without a label is an error; else such faces are left out, and counted.
    strict_labels: bool = False


class CropParams(Frozen):
    """How a face gets from a file into a crop; recorded with the model and checked at scoring."""

    # Smallest face: from 1 up, pixels of the original; below 1, a fraction of its longer side.
    min_face: float = Field(0.06, gt=0, le=10_000)
    # Confidence that P-Net, R-Net and O-Net ask for.
    thresholds: tuple[float, float, float] = (0.7, 0.7, 0.8)
    keep: Keep = "largest"
    size: int = Field(256, ge=32, le=1024)
    # Added on each side of the square box, as a fraction of its side.
    margin: float = Field(0.2, ge=0, le=2)
    align: bool = False
    # `fit` resamples the square to `size`; `native` cuts `size` pixels as they are, from the picture reduced by the
    # power of two that comes nearest: resampling blurs the traces by which generated pictures are told.
    scale: Literal["fit", "native"] = "native"
    border: Literal["reflect", "replicate", "black"] = "reflect"
    # Quality, 1 to 100, of a JPEG file that every crop is written to and read from in memory, null: none. Sources then
    # share their last encoding, and a picture that was never a JPEG file of this size cannot be told by that alone.
    reencode: int | None = Field(75, ge=1, le=100)
    # Search images without a face turned by 90, 180 and 270 degrees as well.
    second_look: bool = False
    # Of the detector's networks. bf16 is faster on processors that have it, and moves boxes by a pixel or two.
    precision: Precision = "f32"
    max_pixels: int = Field(100_000_000, ge=1)
    shard: int = Field(1000, ge=1, le=100_000)

    @field_validator("thresholds")
    @classmethod
    def _are_probabilities(cls, thresholds: tuple[float, float, float]) -> tuple[float, float, float]:
        if not all(0 < value < 1 for value in thresholds):
            raise ValueError("each threshold lies between 0 and 1")
        return thresholds

    @model_validator(mode="after")
    def _turns_only_what_is_resampled(self) -> Self:
        if self.align and self.scale == "native":
            raise ValueError(
                "align: true turns a crop, and so resamples it; scale: native, the default, does not: set scale: fit, "
                "or drop align"
            )
        return self

    def recipe(self) -> dict[str, Any]:
        """Return the part that decides a crop's pixels: what a scoring must share with the training (no limits)."""
        return self.model_dump(mode="json", exclude={"keep", "shard", "max_pixels"})


class SplitParams(Frozen):
    """Shares of the groups that go to valid and test, and how alike two pictures are that count as one."""

    seed: int = 1
    valid: float = Field(0.15, gt=0, lt=1)
    test: float = Field(0.15, gt=0, lt=1)
    # Largest Hamming distance of two 256-bit perceptual hashes: 99 of 100 copies encoded again or scaled are within 12,
    # unrelated pictures 38 or more apart (benchmarks/near_duplicates.py).
    near_duplicate_bits: int = Field(20, ge=0, le=31)

    @model_validator(mode="after")
    def _leaves_something_to_train_on(self) -> Self:
        if self.valid + self.test >= 1:
            raise ValueError(f"valid + test = {self.valid + self.test:g} leaves nothing to train on")
        return self


class TrainParams(Frozen):
    """The recipe and, where not null, what overrides its own figures."""

    recipe: str = "default"
    epochs: int | None = Field(None, ge=1)
    batch_size: int | None = Field(None, ge=1)
    learning_rate: float | None = Field(None, gt=0)
    # `none`, `imagenet`, `mtcnn` or a path; instead of the recipe's.
    weights: str | None = Field(None, min_length=1)
    seed: int = 1
    # Of the computation; `auto`: bf16 on a GPU that has it, f32 elsewhere. The saved weights are f32 in any case.
    precision: Literal["auto", "f32", "bf16"] = "auto"


class EvaluateParams(Frozen):
    """Resamplings behind each 95 % confidence interval, and the faces of the perturbation grid."""

    bootstrap: int = Field(1000, ge=100, le=100_000)
    # Of each data set, at most. 0: no grid.
    perturbed: int = Field(400, ge=0, le=100_000)
    seed: int = 1


class ExplainParams(Frozen):
    """Which test faces the stage `explain` draws the evidence of, and by which method."""

    # Of each kind: missed fakes, false alarms, borderline, confident. 0: none.
    faces: int = Field(24, ge=0, le=1000)
    # `best`: the exact map where the network has one, else occlusion. The others: docs/guides/explanations.md.
    method: ExplainMethod = "best"
    # Whether the maps are checked as well (docs/guides/explanations.md): minutes with methods that take seconds a face.
    check: bool = False


class CompareParams(Frozen):
    """How far a scoring may move from the last one of its archive before that is a warning."""

    # Population stability index of the images' p_fake; 0.2 is where practice begins to call a shift large.
    psi: float = Field(0.2, ge=0)
    # Images with a verdict in both scorings whose verdict changed, as a fraction of them.
    flips: float = Field(0.05, ge=0, le=1)


class ScoreParams(Frozen):
    """The archives that the `score` stage scores, which of an image's faces, and the images in one part."""

    archives: dict[Name, ArchiveParams] = Field(default_factory=dict)
    keep: Keep = "all"
    # Which p_fake stands for an image with several faces.
    verdict: Verdict = "max"
    # Which of the model's two thresholds decides: that of the best balanced accuracy, or that of at most 1 % false
    # alarms, both on valid.
    threshold: ThresholdRule = "balanced"
    # Of the classifier. bf16 is faster on processors that have it, and moves p_fake a little; how far says
    # benchmarks/precision.py.
    precision: Precision = "f32"
    shard: int = Field(1000, ge=1, le=100_000)
    compare: CompareParams = CompareParams()

    @field_validator("archives", mode="before")
    @classmethod
    def _know_their_names(cls, archives: object) -> object:
        return _named(archives)

    def recipe(self) -> dict[str, Any]:
        """Return the part that decides what a part of the scores holds."""
        return self.model_dump(mode="json", exclude={"archives", "compare"})


class Params(Frozen):
    """All settings of a workspace; data sets and archives are mappings from their names."""

    datasets: dict[Name, DatasetParams] = Field(default_factory=dict)
    crop: CropParams = CropParams()
    split: SplitParams = SplitParams()
    train: TrainParams = TrainParams()
    evaluate: EvaluateParams = EvaluateParams()
    explain: ExplainParams = ExplainParams()
    score: ScoreParams = ScoreParams()
    runner: RunnerParams = RunnerParams()
    schedule: ScheduleParams = ScheduleParams()

    @field_validator("datasets", mode="before")
    @classmethod
    def _know_their_names(cls, datasets: object) -> object:
        return _named(datasets or {})

    @model_validator(mode="after")
    def _have_something_to_do(self) -> Self:
        if not (self.datasets or self.score.archives):
            raise ValueError(
                "names no data set and no archive to score; give at least one, as `datasets: {name: {source: ...}}`"
            )
        return self

    def require_datasets(self, where: Path) -> Mapping[str, DatasetParams]:
        """Return the data sets; raises FauxfaceError where the settings in the file `where` have archives alone."""
        if not self.datasets:
            raise FauxfaceError(f"{where}: names no data set; give at least one, as `name: {{source: ...}}`.")
        return self.datasets


def _named(entries: object) -> object:
    """Put each entry's key into it as its name (a mapping, so that DVC can depend on one entry alone)."""
    if not isinstance(entries, dict):
        raise ValueError("is a mapping from names to settings, as in `faces: {source: faces.zip}`")
    return {
        name: {**settings, "name": name} if isinstance(settings, dict) else settings
        for name, settings in entries.items()
    }
