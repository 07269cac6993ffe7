"""What files say of their making: marks of generators, IPTC, C2PA; none of a camera's; never a crash or a long walk."""

from __future__ import annotations

import datetime
import io
import json
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from tasks.imaging import notes, provenance
from tasks.imaging.notes import read_notes

TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
WEBUI = "a face\nSteps: 20, Sampler: Euler a, CFG scale: 7"
told = provenance.provenance


def encoded(format_: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    PICTURE.save(stream, format_, **options)
    return stream.getvalue()


def png(*texts: tuple[str, str], packed: bool = False) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, text in texts:
        info.add_text(key, text, zip=packed)
    return encoded("PNG", pnginfo=info)


def exif(**tags: str | bytes) -> Image.Exif:
    numbers = {"ImageDescription": 0x010E, "Make": 0x010F, "Model": 0x0110, "Software": 0x0131, "XPComment": 0x9C9C}
    found = Image.Exif()
    for name, value in tags.items():
        if name == "UserComment":
            found.get_ifd(0x8769)[0x9286] = value
        else:
            found[numbers[name]] = value
    return found


def xmp(inside: str) -> bytes:
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>{inside}</rdf:RDF></x:xmpmeta>'.encode()


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([("parameters", WEBUI)], "generator:stable-diffusion-webui"),
        ([("prompt", '{"3": {"class_type": "KSampler"}}'), ("workflow", '{"last_node_id": 1}')], "generator:comfyui"),
        ([("Software", "NovelAI")], "generator:novelai"),
        ([("invokeai_metadata", "{}")], "generator:invokeai"),
        ([("Dream", '"a face" -s 50')], "generator:invokeai"),
        ([("fooocus_scheme", "fooocus")], "generator:fooocus"),
        ([("Description", "a face --v 6 Job ID: 3f2b8c1a-1a2b-4c5d-8e9f-001122334455")], "generator:midjourney"),
        ([("AIGC", '{"Label": "1"}')], "generator:aigc-label"),
        ([("Software", "DALL·E 3")], "generator:openai"),
        ([("Title", "prompt"), ("Author", "workflow"), ("Software", "gnome-screenshot")], None),
        ([("Description", "Visitors at OpenAI look at Midjourney and Stable Diffusion pictures")], None),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_text_chunks_of_generators(texts: list[tuple[str, str]], expected: str | None, packed: bool) -> None:
    assert told(png(*texts, packed=packed)) == expected


def test_international_text_is_read_packed_or_not_before_and_after_the_pixels() -> None:
    for packed in (False, True):
        info = PngImagePlugin.PngInfo()
        info.add_itxt("parameters", "ein Gesicht", "de", "Parameter", zip=packed)
        assert told(encoded("PNG", pnginfo=info)) == "generator:stable-diffusion-webui"
    plain = encoded("PNG")
    chunk = b"tEXt" + b"Software\x00NovelAI"
    late = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    assert told(plain[:-12] + late + plain[-12:]) == "generator:novelai"


@pytest.mark.parametrize("format_", ["JPEG", "WEBP", "TIFF", "PNG", "AVIF"])
def test_exif_of_generators(format_: str) -> None:
    assert told(encoded(format_, exif=exif(Software="Adobe Firefly"))) == "generator:adobe-firefly"
    assert told(encoded(format_, exif=exif(Make="Black Forest Labs", Model="x"))) == "generator:black-forest-labs"
    camera = exif(Make="Canon", Model="EOS R5", Software="Adobe Photoshop 26.0", ImageDescription="Stable Diffusion")
    assert told(encoded(format_, exif=camera)) is None


@pytest.mark.parametrize(
    "comment",
    [
        b"UNICODE\x00" + WEBUI.encode("utf-16-be"),
        b"UNICODE\x00" + WEBUI.encode("utf-16-le"),
        b"ASCII\x00\x00\x00" + WEBUI.encode(),
        bytes(8) + WEBUI.encode(),
    ],
)
def test_a_comment_is_read_in_the_encodings_that_writers_use(comment: bytes) -> None:
    for format_ in ("JPEG", "WEBP"):
        assert told(encoded(format_, exif=exif(UserComment=comment))) == "generator:stable-diffusion-webui"


def test_jpeg_comments_and_workflows_in_exif() -> None:
    assert told(encoded("JPEG", comment=WEBUI.encode())) == "generator:stable-diffusion-webui"
    assert told(encoded("JPEG", comment=b"CREATOR: gd-jpeg v1.0")) is None
    workflow = exif(Make='workflow:{"nodes": [], "last_node_id": 3}', Model='prompt:{"1": {"class_type": "VAE"}}')
    assert told(encoded("WEBP", exif=workflow)) == "generator:comfyui"


@pytest.mark.parametrize(
    "inside",
    [
        f'<rdf:Description Iptc4xmpExt:DigitalSourceType="{TYPE}"/>',
        f"<Iptc4xmpExt:DigitalSourceType>{TYPE}</Iptc4xmpExt:DigitalSourceType>",
        f'<Iptc4xmpExt:DigitalSourceType rdf:resource="{TYPE}"/>',
    ],
)
@pytest.mark.parametrize("format_", ["JPEG", "WEBP", "PNG", "AVIF"])
def test_iptc_source_types(inside: str, format_: str) -> None:
    if format_ == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", xmp(inside).decode())
        data = encoded("PNG", pnginfo=info)
    else:
        data = encoded(format_, xmp=xmp(inside))
    assert told(data) == "iptc:trainedAlgorithmicMedia"


def test_names_in_xmp() -> None:
    credit = "<photoshop:Credit>Made with Google AI</photoshop:Credit>"
    assert told(encoded("JPEG", xmp=xmp(credit))) == "generator:google-ai"
    tool = '<rdf:Description xmp:CreatorTool="Adobe Photoshop" dc:title="Firefly in the night"/>'
    assert told(encoded("JPEG", xmp=xmp(tool))) is None
    assert told(encoded("JPEG", xmp=xmp(tool.replace("Photoshop", "Firefly")))) == "generator:adobe-firefly"


def chain() -> tuple[bytes, bytes]:
    """Return certificates (signer's, then its authority's) and the signer's key, as PEM."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    start = datetime.datetime(2026, 1, 1)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [
        x509.Name(
            [x509.NameAttribute(NameOID.COMMON_NAME, each), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test")]
        )
        for each in ("signer", "authority")
    ]
    made = []
    for number, (key, name) in enumerate(zip(keys, names, strict=True)):
        authority = number == 1
        usage = [not authority, *[False] * 4, authority, authority, False, False]
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(names[1])
            .public_key(key.public_key())
            .serial_number(number + 1)
            .not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=36500))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(*usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[1].public_key()), critical=False)
        )
        if not authority:
            builder = builder.add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
            )
        made.append(builder.sign(keys[1], hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    private = keys[0].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return b"".join(made), private


def signed(data: bytes, mime_type: str) -> bytes:
    import c2pa

    action = {"action": "c2pa.created", "digitalSourceType": TYPE}
    manifest = {
        "claim_generator_info": [{"name": "Test Generator", "version": "1"}],
        "format": mime_type,
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
    }
    certificates, key = chain()
    information = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, certificates, key, None)
    out = io.BytesIO()
    with c2pa.Signer.from_info(information) as signer, c2pa.Builder(manifest) as builder:
        builder.sign(signer, mime_type, io.BytesIO(data), out)
    return out.getvalue()


@pytest.fixture(scope="module")
def manifests() -> dict[str, bytes]:
    formats = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "AVIF": "image/avif"}
    return {name: signed(encoded(name), mime_type) for name, mime_type in formats.items()}


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_c2pa_is_told_with_the_library_and_without(
    format_: str, manifests: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = "c2pa:trainedAlgorithmicMedia;tool=Test Generator"
    assert told(manifests[format_]) == f"{expected};signature=valid"
    monkeypatch.setattr(provenance, "_context", lambda: None)
    assert told(manifests[format_]) == expected


def test_a_manifest_that_does_not_fit_its_picture_is_said_so(manifests: dict[str, bytes]) -> None:
    data = bytearray(manifests["JPEG"])
    data[-40] ^= 0x55  # a byte of the picture
    assert str(told(bytes(data))).endswith("signature=invalid")


def test_a_box_of_something_else_is_no_c2pa() -> None:
    box = b"JP\x00\x01\x00\x00\x00\x01" + struct.pack(">I", 40) + b"jumb" + bytes(32)
    segment = b"\xff\xeb" + struct.pack(">H", len(box) + 2) + box
    plain = encoded("JPEG")
    assert told(plain[:2] + segment + plain[2:]) is None


def test_exif_over_several_segments_is_one_and_of_two_the_first_counts() -> None:
    block = exif(ImageDescription="x" * 200, Software="Midjourney").tobytes().removeprefix(b"Exif\x00\x00")

    def segment(content: bytes) -> bytes:
        return b"\xff\xe1" + struct.pack(">H", len(content) + 8) + b"Exif\x00\x00" + content

    plain = encoded("JPEG")
    assert told(plain[:2] + segment(block[:150]) + segment(block[150:]) + plain[2:]) == "generator:midjourney"
    camera = exif(Software="Camera").tobytes().removeprefix(b"Exif\x00\x00")
    assert told(plain[:2] + segment(camera) + segment(block) + plain[2:]) is None


def test_stray_bytes_between_segments_are_passed_over() -> None:
    data = encoded("JPEG", comment=WEBUI.encode())
    at = data.index(b"\xff\xfe")
    assert told(data[:at] + b"\x00\x01\x02" + data[at:]) == "generator:stable-diffusion-webui"


def test_what_a_file_says_cannot_steer_a_terminal_or_forge_an_entry() -> None:
    claim = b"tclaim_generator_info" + b"\x81\xa1dname" + b"\x78\x1aEvil\x1b[31m|iptc:x;tool=\xe2\x80\xaeoops" + b"c2pa"
    box = b"\x00\x00\x00\x40jumb" + b"\x00\x00\x00\x10jumdc2pa" + claim
    chunk = b"caBX" + box
    plain = encoded("PNG")
    data = plain[:-12] + struct.pack(">I", len(box)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + plain[-12:]
    found = told(data)
    assert found is not None
    assert found.startswith("c2pa:unspecified;tool=Evil")
    assert found.isprintable()
    assert found.isascii()
    assert "|" not in found
    assert found.count(";") == 1


def test_small_texts_that_unfold_into_gigabytes_are_not_unfolded() -> None:
    bomb = zlib.compress(bytes(8 * notes.MOST_TEXT), 9)
    chunk = b"zTXtx\x00\x00" + bomb
    whole = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    data = b"\x89PNG\r\n\x1a\n" + whole * 3000
    assert sum(len(text) for _, text in read_notes(data).texts) <= notes.MOST_BYTES
    assert told(data) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8" + b"\xff" * 1_000_000,
        b"\xff\xd8" + b"\xff\xe1\x00\x00" * 100_000,
        b"\x89PNG\r\n\x1a\n" + bytes(1_000_000),
        b"RIFF\x00\x00\x00\x00WEBP" + bytes(1_000_000),
        b"\x00\x00\x00\x00ftyp" + bytes(1_000_000),
        b"\x00\x00\x00\x08ftyp" + b"\x00\x00\x00\x01uuid" + b"\xff" * 8,
        b"II*\x00" + b"\xff" * 1000,
        b"MM\x00*\x00\x00\x00\x08\xff\xff" + bytes(100_000),
        b"\xff\xd8\xff\xe1\xff\xffhttp://ns.adobe.com/xap/1.0/\x00" + b"<Credit>" * 8000,
        b"\xff\xd8\xff\xe1\xff\xffhttp://ns.adobe.com/xap/1.0/\x00" + b":DigitalSourceType " * 3400,
    ],
)
def test_hostile_files_say_nothing(data: bytes) -> None:
    assert told(data) is None


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), st.data())
def test_damage_anywhere_is_no_error(format_: str, data: st.DataObject) -> None:
    whole = bytearray(SAMPLES[format_])
    for _ in range(data.draw(st.integers(0, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    found = told(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    assert found is None or (found.isprintable() and len(found) <= provenance.MOST)


SAMPLES = {
    "JPEG": encoded("JPEG", exif=exif(Software="Midjourney", UserComment=b"UNICODE\x00" + WEBUI.encode("utf-16-be"))),
    "PNG": png(("parameters", WEBUI), ("prompt", json.dumps({"1": {"class_type": "x"}})), packed=True),
    "WEBP": encoded("WEBP", exif=exif(Software="Midjourney"), xmp=xmp(f'<a Iptc4xmpExt:DigitalSourceType="{TYPE}"/>')),
}
