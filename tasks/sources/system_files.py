"""Files that nobody put into a dump on purpose: what operating systems and tools leave in folders and archives."""

from __future__ import annotations

from tasks.sources.member import Member, failed
from tasks.sources.status import Status

# Names in lower case. `@eaDir` is Synology's, `#recycle` too; checkpoints are Jupyter's copies of files beside them.
_FOLDERS = frozenset(
    (
        "__macosx", ".appledouble", ".trashes", ".spotlight-v100", ".fseventsd", ".temporaryitems",
        "$recycle.bin", "system volume information", "@eadir", "#recycle", ".ipynb_checkpoints",
        ".git", ".svn", ".hg", ".dvc", "__pycache__", "lost+found",
    )
)  # fmt: skip
_FILES = frozenset(
    (
        ".ds_store", "icon\r", ".localized", ".apdisk", ".volumeicon.icns", "thumbs.db", "ehthumbs.db",
        "ehthumbs_vista.db", "desktop.ini", ".directory", ".nomedia", ".picasa.ini", "picasa.ini",
        ".gitattributes", ".gitignore", ".gitkeep", ".gitmodules", ".dvcignore", ".keep",
    )
)  # fmt: skip


def is_system_file(path: str) -> bool:
    """Return whether the path is that of a file of Macs (`._x`, `__MACOSX/`), Windows, Jupyter or version control."""
    *folders, name = path.lower().split("/")
    return name.startswith("._") or name in _FILES or any(folder in _FOLDERS for folder in folders)


def system_file(path: str) -> Member:
    """Return the row of such a file, which is never read."""
    return failed(path, Status.SYSTEM_FILE, "")
