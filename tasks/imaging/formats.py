"""What a file is, told by its bytes and never by its name: a picture that is read, or what it is instead.

A picture, a video or a document of a kind that is not read is called by its name, with what to do about it.
"""

from __future__ import annotations

from tasks.imaging.errors import ImageError
from tasks.imaging.jpeg import MAGIC as JPEG_MAGIC
from tasks.sources.status import Status

# Each format that is read by the bytes it starts with. WebP, AVIF and HEIF have their name further behind.
_STARTS: dict[str, tuple[bytes, ...]] = {
    "JPEG": (JPEG_MAGIC,),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "BMP": (b"BM",),
    "TIFF": (b"II*\x00", b"MM\x00*"),
    "PPM": (b"P5", b"P6"),
}
READ = (*_STARTS, "WEBP", "AVIF", "HEIF")

_CONVERT = "convert it to JPEG or PNG first"
_DEVELOP = "it holds what the sensor saw and a small preview: develop it to JPEG, PNG or TIFF first"
_TAKE_FRAMES = "take frames from it first (`ffmpeg -i FILE frame-%05d.png`)"
_TAKE_PICTURES = "take its pictures out first (`pdfimages -all FILE NAME`)"
# Not read: the name, the place and the bytes that tell, and what to do.
_OTHERS: tuple[tuple[str, int, bytes, str], ...] = (
    ("JPEG 2000", 0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", _CONVERT),
    ("JPEG 2000", 0, b"\xff\x4f\xff\x51", _CONVERT),
    ("JPEG XL", 0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", _CONVERT),
    ("JPEG XL", 0, b"\xff\x0a", _CONVERT),
    ("JPEG XR", 0, b"II\xbc", _CONVERT),
    ("Photoshop", 0, b"8BPS", _CONVERT),
    ("GIMP", 0, b"gimp xcf", _CONVERT),
    ("icon", 0, b"\x00\x00\x01\x00", _CONVERT),
    ("BigTIFF", 0, b"II+\x00", _CONVERT),
    ("BigTIFF", 0, b"MM\x00+", _CONVERT),
    ("OpenEXR", 0, b"v/1\x01", _CONVERT),
    ("Radiance HDR", 0, b"#?RADIANCE", _CONVERT),
    ("DDS", 0, b"DDS ", _CONVERT),
    ("QOI", 0, b"qoif", _CONVERT),
    ("MNG", 0, b"\x8aMNG", _CONVERT),
    ("JNG", 0, b"\x8bJNG", _CONVERT),
    ("PostScript", 0, b"%!PS", _CONVERT),
    ("camera raw (Canon CR2)", 8, b"CR\x02", _DEVELOP),
    ("camera raw (Canon CRW)", 6, b"HEAPCCDR", _DEVELOP),
    ("camera raw (Olympus ORF)", 0, b"IIRO", _DEVELOP),
    ("camera raw (Olympus ORF)", 0, b"IIRS", _DEVELOP),
    ("camera raw (Olympus ORF)", 0, b"MMOR", _DEVELOP),
    ("camera raw (Panasonic RW2)", 0, b"IIU\x00", _DEVELOP),
    ("camera raw (Fujifilm RAF)", 0, b"FUJIFILMCCD-RAW", _DEVELOP),
    ("camera raw (Sigma X3F)", 0, b"FOVb", _DEVELOP),
    ("camera raw (Minolta MRW)", 0, b"\x00MRM", _DEVELOP),
    ("camera raw (Phase One IIQ)", 13, b"waR", _DEVELOP),
    ("camera raw (Phase One IIQ)", 12, b"Raw", _DEVELOP),
    ("Matroska or WebM video", 0, b"\x1a\x45\xdf\xa3", _TAKE_FRAMES),
    ("AVI video", 8, b"AVI ", _TAKE_FRAMES),
    ("Flash video", 0, b"FLV\x01", _TAKE_FRAMES),
    ("Windows Media video", 0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", _TAKE_FRAMES),
    ("Ogg video", 0, b"OggS", _TAKE_FRAMES),
    ("MPEG video", 0, b"\x00\x00\x01\xba", _TAKE_FRAMES),
    ("MPEG video", 0, b"\x00\x00\x01\xb3", _TAKE_FRAMES),
    ("QuickTime video", 4, b"moov", _TAKE_FRAMES),
    ("QuickTime video", 4, b"mdat", _TAKE_FRAMES),
    ("QuickTime video", 4, b"wide", _TAKE_FRAMES),
    ("QuickTime video", 4, b"pnot", _TAKE_FRAMES),
    ("QuickTime video", 4, b"skip", _TAKE_FRAMES),
    ("QuickTime video", 4, b"free", _TAKE_FRAMES),
)
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"mif2"}
_SEVERAL_BRANDS = 64  # of a file type box that claims more, the first are enough
_TEXT_HEAD = 4096  # bytes in which a document's kind shows
_TRANSPORT_PACKET = 188


def format_of(data: bytes) -> str:
    """Return which of READ the file is; raises ImageError for anything else, with its name where it has one."""
    if not data:
        raise ImageError(Status.EMPTY_FILE, "the file is empty")
    refused = _other(data)
    if refused:
        raise unread(*refused)
    for name, starts in _STARTS.items():
        if data.startswith(starts):
            return name
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return _by_brand(data)
    raise ImageError(Status.NOT_AN_IMAGE, f"starts like no image that is read ({', '.join(READ)})")


def unread(name: str, remedy: str) -> ImageError:
    """Return the error of a file of a known kind that is not read."""
    return ImageError(Status.UNSUPPORTED_FORMAT, f"{name} is not read: {remedy}")


def raw(name: str) -> ImageError:
    """Return the error of a camera's raw file."""
    return unread(f"camera raw ({name})", _DEVELOP)


def _other(data: bytes) -> tuple[str, str] | None:
    for name, at, magic, remedy in _OTHERS:
        if data.startswith(magic, at) and _is_really(name, data):
            return name, remedy
    head = data[:_TEXT_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip()
    if b"%PDF-" in head[:1024] and not data.startswith(JPEG_MAGIC):
        return "PDF", _TAKE_PICTURES
    if head.startswith(b"<svg") or (head.startswith((b"<?xml", b"<!--", b"<!DOCTYPE svg")) and b"<svg" in head):
        return "SVG", _CONVERT
    if data[:1] == data[_TRANSPORT_PACKET : _TRANSPORT_PACKET + 1] == b"G" == data[376:377]:
        return "MPEG video", _TAKE_FRAMES
    return None


def _is_really(name: str, data: bytes) -> bool:
    """Return whether bytes further behind, which any file may have there, belong to a file that starts as it should."""
    if name.startswith("camera raw"):
        return data[:2] in (b"II", b"MM", b"FU", b"FO", b"\x00M")
    return name != "AVI video" or data[:4] == b"RIFF"


def _by_brand(data: bytes) -> str:
    """Tell apart what starts with a file type box (ISO/IEC 14496-12): pictures, camera raw and videos."""
    size = min(int.from_bytes(data[:4], "big"), 8 + 4 * _SEVERAL_BRANDS)
    brands = [data[8:12], *(data[at : at + 4] for at in range(16, size, 4))]
    if brands[0] == b"crx ":
        raise raw("Canon CR3")
    if _AVIF_BRANDS.intersection(brands):
        return "AVIF"
    if _HEIF_BRANDS.intersection(brands):
        return "HEIF"
    if brands[0] in (b"jp2 ", b"jpx "):
        raise unread("JPEG 2000", _CONVERT)
    if brands[0] == b"jxl ":
        raise unread("JPEG XL", _CONVERT)
    raise unread("QuickTime video" if brands[0] == b"qt  " else "MP4 video", _TAKE_FRAMES)
