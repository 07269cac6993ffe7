"""Small dumps cut out of the real ones, and one with everything that can be wrong with a file."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Dumps:
    """Makes dumps in `folder` from the real images in `real`."""

    real: Path
    folder: Path

    def ffhq(self, each: int) -> Path:
        """Return a zip with `each` FFHQ photographs and as many StyleGAN faces."""
        target = self.folder / f"ffhq-{each}.zip"
        with zipfile.ZipFile(self.real / "faces" / "ffhq_stylegan.zip") as source, zipfile.ZipFile(target, "w") as out:
            for label in ("real", "fake"):
                names = [name for name in source.namelist() if name.startswith(f"{label}/") and not name.endswith("/")]
                for name in names[:each]:
                    out.writestr(name, source.read(name))
        return target

    def dfdc(self, images: int) -> Path:
        """Return a tar with the first DFDC faces, real and fake of one video together, and their metadata."""
        return self._tar("dfdc_faceswap.tar", images + 1)

    def omi(self, images: int) -> Path:
        """Return a tar with the first StyleGAN2 faces."""
        return self._tar("omi_stylegan2.tar", images)

    def faulty(self) -> Path:
        """Return a zip of three faces and the five faults that every dump has one day."""
        target = self.folder / "faulty.zip"
        faces = self._images("stable_diffusion21.tar", 4)
        with zipfile.ZipFile(target, "w") as out:
            out.writestr("good/1.jpg", faces[0])
            out.writestr("empty.jpg", b"")
            out.writestr("text.jpg", "this is no picture\n" * 20)
            out.writestr("half.jpg", faces[1][: len(faces[1]) // 2])
            out.writestr("huge.png", huge_png(30_000))
            out.writestr("../outside.jpg", faces[2])
            out.writestr("good/2.jpg", faces[2])
            out.writestr("good/3.jpg", faces[3])
        return target

    def _tar(self, name: str, members: int) -> Path:
        target = self.folder / f"{Path(name).stem}-{members}.tar"
        with tarfile.open(self.real / "faces" / name) as source, tarfile.open(target, "w") as out:
            for member in [entry for entry in source.getmembers() if entry.isfile()][:members]:
                out.addfile(member, source.extractfile(member))
        return target

    def _images(self, name: str, number: int) -> list[bytes]:
        with tarfile.open(self.real / "faces" / name) as source:
            streams = (source.extractfile(entry) for entry in source.getmembers() if entry.name.endswith(".jpg"))
            return [stream.read() for stream, _ in zip(streams, range(number), strict=False) if stream]


def huge_png(side: int) -> bytes:
    """Return a valid black PNG of side x side grey pixels in a few hundred kilobytes."""
    out = io.BytesIO()
    packer = zlib.compressobj(9)
    row = b"\0" * (side + 1)
    packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    out.write(b"\x89PNG\r\n\x1a\n")
    for kind, data in ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b"")):
        out.write(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)))
    return out.getvalue()
