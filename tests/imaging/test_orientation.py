"""Pictures come upright as `ImageOps.exif_transpose` has them, however the orientation was written."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from tasks.imaging.decode import decode
from tasks.imaging.orientation import orientation_of

Pixels = NDArray[np.uint8]
Encode = Callable[..., bytes]
Chunks = Callable[..., bytes]
FORMATS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q"}
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description {}/></x:xmpmeta>'
ORIENTED = XMP.format('tiff:Orientation="6"').encode()


def exif(value: float, *, order: str = "<", type_: int = 3, before: int = 0) -> bytes:
    """Return an Exif block whose orientation is of a type, behind `before` other entries."""
    content = struct.pack(order + FORMATS[type_], value)
    behind = 8 + 2 + 12 * (before + 1) + 4
    place = content.ljust(4, b"\x00") if len(content) <= 4 else struct.pack(order + "I", behind)
    entries = b"".join(struct.pack(order + "HHIHH", 0x100 + number, 3, 1, 9, 0) for number in range(before))
    entries += struct.pack(order + "HHI", 0x0112, type_, 1) + place
    head = (b"II*\x00" if order == "<" else b"MM\x00*") + struct.pack(order + "IH", 8, before + 1)
    return head + entries + bytes(4) + (content if len(content) > 4 else b"")


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def jpeg_with(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def assert_as_pillow(data: bytes, tolerance: int = 0) -> None:
    with Image.open(io.BytesIO(data)) as stored:
        theirs = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    decoded = decode(data, max_pixels=10**8)
    assert (decoded.header.height, decoded.header.width) == theirs.shape[:2] == decoded.pixels.shape[:2]
    assert np.abs(decoded.pixels.astype(int) - theirs).max() <= tolerance


def is_turned(data: bytes, picture: Pixels) -> bool:
    return decode(data, max_pixels=10**8).pixels.shape[:2] == picture.shape[1::-1]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("type_", [3, 4, 6, 8, 9, 11, 12, 13])
def test_every_type_of_number_and_either_byte_order(picture: Pixels, encode: Encode, order: str, type_: int) -> None:
    block = b"Exif\x00\x00" + exif(6, order=order, type_=type_, before=2)
    data = jpeg_with(encode(picture, "JPEG", quality=95), segment(0xE1, block))
    assert is_turned(data, picture)
    assert_as_pillow(data, tolerance=2)


@settings(max_examples=200, deadline=None)
@given(
    value=st.integers(0, 12),
    order=st.sampled_from("<>"),
    type_=st.sampled_from(sorted(FORMATS)),
    before=st.integers(0, 3),
    names=st.integers(0, 2),
    xmp=st.sampled_from([b"", ORIENTED]),
)
def test_orientation_is_pillows(value: int, order: str, type_: int, before: int, names: int, xmp: bytes) -> None:
    block = b"Exif\x00\x00" * names + exif(value, order=order, type_=type_, before=before)
    picture = Image.new("L", (2, 3))
    picture.info |= {"exif": block, "xmp": xmp}
    theirs = picture.getexif().get(0x0112, 1)
    assert orientation_of(block, xmp) == (theirs if theirs in range(1, 9) else 1)


def test_exif_spread_over_several_segments_is_one_block(picture: Pixels, encode: Encode) -> None:
    block = exif(6) + bytes(range(256)) * 300
    parts = [block[:50_000], block[50_000:]]
    segments = [segment(0xE1, b"Exif\x00\x00" + part) for part in parts]
    data = jpeg_with(encode(picture, "JPEG", quality=95), *segments)
    assert is_turned(data, picture)
    assert_as_pillow(data, tolerance=2)


def test_the_first_of_two_exif_blocks_counts(picture: Pixels, encode: Encode) -> None:
    jpeg = encode(picture, "JPEG", quality=95)
    upright, turned = (segment(0xE1, b"Exif\x00\x00" + exif(value)) for value in (1, 6))
    for segments, expected in (((turned, upright), True), ((upright, turned), False)):
        data = jpeg_with(jpeg, *segments)
        assert is_turned(data, picture) is expected
        assert_as_pillow(data, tolerance=2)


@pytest.mark.parametrize(
    "attribute", ['tiff:Orientation="6"', "><tiff:Orientation>6</tiff:Orientation></rdf:Description"]
)
def test_xmp_is_asked_where_exif_says_nothing(picture: Pixels, encode: Encode, attribute: str) -> None:
    packet = XMP.format(attribute).encode()
    jpeg = encode(picture, "JPEG", quality=95)
    alone = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00" + packet)
    assert is_turned(jpeg_with(jpeg, alone), picture)
    assert not is_turned(jpeg_with(jpeg, alone, segment(0xE1, b"Exif\x00\x00" + exif(1))), picture)
    for data in (
        jpeg_with(jpeg, alone),
        encode(picture, "WEBP", lossless=True, xmp=packet),
        encode_tiff(picture, packet),
    ):
        assert is_turned(data, picture)
        assert_as_pillow(data, tolerance=2)


def encode_tiff(picture: Pixels, xmp: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "TIFF", tiffinfo={700: xmp})
    return buffer.getvalue()


@pytest.mark.parametrize("behind", [False, True])
def test_png_exif_before_and_behind_the_pixels(
    picture: Pixels, encode: Encode, chunk: Chunks, with_chunks: Chunks, behind: bool
) -> None:
    data = with_chunks(encode(picture, "PNG"), chunk(b"eXIf", exif(8, order=">")), behind=behind)
    assert is_turned(data, picture)
    assert_as_pillow(data)


def raw_profile(block: bytes) -> bytes:
    lines = (block.hex()[at : at + 72] for at in range(0, 2 * len(block), 72))
    return f"\nexif\n{len(block):8}\n{chr(10).join(lines)}\n".encode()


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"iTXt folded"])
@pytest.mark.parametrize("name", [b"Raw profile type exif", b"Raw profile type APP1"])
def test_png_raw_profile_in_every_kind_of_text(
    picture: Pixels, encode: Encode, chunk: Chunks, with_chunks: Chunks, name: bytes, kind: bytes, behind: bool
) -> None:
    text = raw_profile(b"Exif\x00\x00" + exif(6))
    body = {
        b"tEXt": name + b"\x00" + text,
        b"zTXt": name + b"\x00\x00" + zlib.compress(text),
        b"iTXt": name + b"\x00\x00\x00en\x00name\x00" + text,
        b"iTXt folded": name + b"\x00\x01\x00\x00\x00" + zlib.compress(text),
    }[kind]
    data = with_chunks(encode(picture, "PNG"), chunk(kind[:4], body), behind=behind)
    assert is_turned(data, picture)
    if name.endswith(b"exif"):
        assert_as_pillow(data)


def test_png_exif_counts_before_its_raw_profile_and_xmp_last(
    picture: Pixels, encode: Encode, chunk: Chunks, with_chunks: Chunks
) -> None:
    profile = chunk(b"tEXt", b"Raw profile type exif\x00" + raw_profile(exif(3)))
    xmp = chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + ORIENTED)
    png = encode(picture, "PNG")
    for chunks in (profile + chunk(b"eXIf", exif(6)) + xmp, profile + xmp, xmp, chunk(b"eXIf", b"") + xmp):
        assert_as_pillow(with_chunks(png, chunks))
    assert is_turned(with_chunks(png, xmp), picture)


@pytest.mark.parametrize("format_", ["WEBP", "AVIF", "TIFF", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_containers_turn_as_pillow_does(picture: Pixels, encode: Encode, format_: str, orientation: int) -> None:
    options: dict[str, Any] = {"WEBP": {"lossless": True}, "AVIF": {"speed": 9}}.get(format_, {})
    block = Image.Exif()
    block[0x0112] = orientation
    assert_as_pillow(encode(picture, format_, exif=block, **options))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heif_turns_as_its_container_says(picture: Pixels, orientation: int) -> None:
    import pillow_heif

    image = Image.fromarray(picture)
    block = Image.Exif()
    block[0x0112] = orientation
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=95, exif=block.tobytes())
    upright = np.asarray(ImageOps.exif_transpose(oriented(image, orientation))).astype(int)
    decoded = decode(buffer.getvalue(), max_pixels=10**8)
    assert decoded.header.format == "HEIF"
    assert (decoded.header.height, decoded.header.width) == upright.shape[:2] == decoded.pixels.shape[:2]
    assert np.abs(decoded.pixels - upright).mean() < 3


def oriented(image: Image.Image, orientation: int) -> Image.Image:
    image = image.copy()
    image.getexif()[0x0112] = orientation
    return image


def test_damaged_exif_says_nothing_and_raises_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = exif(6, before=3)
        for cut in range(len(whole)):
            assert orientation_of(whole[:cut]) in (1, 6)
        for block in (b"", b"II", b"II*\x00\xff\xff\xff\xff", b"XX*\x00" + whole[4:], whole[:8] + b"\xff\xff"):
            assert orientation_of(block) == 1
        assert orientation_of(exif(6, type_=12)[:-8]) == 1
