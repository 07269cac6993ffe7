"""params.yaml as frozen models, the project's error type, and files that appear whole or not at all."""

from __future__ import annotations

from tasks.params.errors import FauxfaceError
from tasks.params.labels import (
    ColumnGroup,
    ColumnLabel,
    ConstantLabel,
    CsvGroup,
    CsvLabel,
    FolderGroup,
    FolderLabel,
    NoGroup,
    RegexGroup,
)
from tasks.params.load import load_params
from tasks.params.models import (
    ArchiveParams,
    CompareParams,
    CropParams,
    DatasetParams,
    EvaluateParams,
    ExplainParams,
    Params,
    ScoreParams,
    SplitParams,
    TrainParams,
)
from tasks.params.runner import RunnerParams
from tasks.params.schedule import InboxParams, ScheduleParams

__all__ = [
    "ArchiveParams",
    "ColumnGroup",
    "ColumnLabel",
    "CompareParams",
    "ConstantLabel",
    "CropParams",
    "CsvGroup",
    "CsvLabel",
    "DatasetParams",
    "EvaluateParams",
    "ExplainParams",
    "FauxfaceError",
    "FolderGroup",
    "FolderLabel",
    "InboxParams",
    "NoGroup",
    "Params",
    "RegexGroup",
    "RunnerParams",
    "ScheduleParams",
    "ScoreParams",
    "SplitParams",
    "TrainParams",
    "load_params",
]
