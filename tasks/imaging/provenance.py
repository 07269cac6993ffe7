"""What a picture's file says of its making, in one short line: beside p_fake, never part of it, and never trained on.

Anyone can write such a note, or take it away: it is a statement, no proof. Entries are joined by `|`, each a kind, a
value and further facts, as in `c2pa:trainedAlgorithmicMedia;tool=Firefly;signature=valid|generator:firefly`:

`c2pa`       the digital source types of the C2PA manifests in the file, joined by commas, or `unspecified`; `tool`:
             what made the claim; `signature`: whether it fits the file, where c2pa-python is installed (who signed is
             not asked of anyone, and no certificate is fetched)
`iptc`       IPTC's DigitalSourceType of the XMP packet
`generator`  the program whose parameters, workflow or name stand in text chunks, Exif or XMP
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from tasks.imaging.notes import Notes, read_notes

MOST = 300  # characters of the whole line
_MOST_TOOL = 60
_MOST_MANIFEST = 1 << 22  # bytes that are handed to c2pa-python; thumbnails of ingredients may make more
_LABELLED = 128  # bytes within which the manifest store names itself
_SCANNED = 1 << 16  # characters of a text that are looked through for a program's marks
_SOURCE_TYPE = re.compile(rb"digitalsourcetype/([A-Za-z]{1,50})")
_XMP_SOURCE_TYPE = re.compile(rb":Digital[Ss]ource(?:[Ff]ile)?[Tt]ype\b[^<]{0,100}?digitalsourcetype/([A-Za-z]{1,50})")
_XMP_TEXTS = re.compile(
    rb"\b(CreatorTool|Credit|AIGC|UserComment)\b"
    rb"""(?:\s?=\s?"([^"<]{1,2000})|\s?=\s?'([^'<]{1,2000})|>(?:\s{0,99}<[^<>]{0,99}>){0,3}([^<]{1,2000}))"""
)
_UNSAFE = re.compile(r"[^\w .,/+()-]+", re.ASCII)

# A program by the key of its text chunk, whatever the text says.
_KEYS = {
    "parameters": "stable-diffusion-webui",
    "fooocus_scheme": "fooocus",
    "invokeai_metadata": "invokeai",
    "invokeai_graph": "invokeai",
    "sd-metadata": "invokeai",
    "dream": "invokeai",
    "sui_image_params": "swarmui",
    "aigc": "aigc-label",  # the label that China asks of generators since 2025
}
# By what any text holds, whichever key it has: forms that no person writes into a caption.
_FORMS = {
    "comfyui": re.compile(r'"class_type": ?"|^(?:workflow:)?\{.*"last_node_id"', re.DOTALL),
    "stable-diffusion-webui": re.compile(r"\bSteps: \d+, Sampler: "),
    "swarmui": re.compile(r'"sui_image_params"'),
    "midjourney": re.compile(r"\bJob ID: [0-9a-f]{8}-[0-9a-f]{4}-"),
    "aigc-label": re.compile(r'"AIGC": ?\{'),
}
# By a name in a field that names the program, not in a caption: a press photograph may show its makers.
_NAMING = {"software", "make", "source", "creatortool", "credit", "generator"}
_NAMES = {
    "adobe-firefly": re.compile(r"firefly", re.IGNORECASE),
    "black-forest-labs": re.compile(r"black forest labs|\bflux\b", re.IGNORECASE),
    "bing-image-creator": re.compile(r"bing image creator|microsoft designer", re.IGNORECASE),
    "draw-things": re.compile(r"draw things", re.IGNORECASE),
    "faceapp": re.compile(r"\bfaceapp\b", re.IGNORECASE),
    "google-ai": re.compile(r"google ai\b|google imagen|google gemini", re.IGNORECASE),
    "grok": re.compile(r"\bgrok\b|\bxai\b", re.IGNORECASE),
    "ideogram": re.compile(r"\bideogram\b", re.IGNORECASE),
    "leonardo-ai": re.compile(r"leonardo\.?ai", re.IGNORECASE),
    "midjourney": re.compile(r"midjourney", re.IGNORECASE),
    "novelai": re.compile(r"novelai", re.IGNORECASE),
    "openai": re.compile(r"\bopenai\b|dall[-·. ]?e\b|\bchatgpt\b", re.IGNORECASE),
    "recraft": re.compile(r"\brecraft\b", re.IGNORECASE),
    "stable-diffusion": re.compile(r"stable ?diffusion|stability ?ai|dreamstudio", re.IGNORECASE),
    "unnamed": re.compile(r"\bai[- ]generated\b", re.IGNORECASE),
}


def provenance(data: bytes) -> str | None:
    """Return what the bytes of a picture's file say of its making, None where they say nothing; raises nothing."""
    notes = read_notes(data)
    if not (notes.texts or notes.xmp or notes.c2pa):
        return None
    entries = list(dict.fromkeys([*_c2pa(b"".join(notes.c2pa), data), *_iptc(notes.xmp), *_generators(notes)]))
    return "|".join(entries)[:MOST] or None


def _c2pa(manifests: bytes, data: bytes) -> Iterator[str]:
    if b"c2pa" not in manifests[:_LABELLED]:  # none, or a JUMBF box of something else
        return
    types = dict.fromkeys(match.decode("ascii") for match in _SOURCE_TYPE.findall(manifests))
    report = _checked(data) if len(manifests) <= _MOST_MANIFEST else None
    tool = _clean(_tool_of(report) if report else _claimed_tool(manifests))
    facts = [f"tool={tool}"] if tool else []
    if report:
        facts.append(f"signature={'invalid' if report.get('validation_state') == 'Invalid' else 'valid'}")
    yield ";".join([f"c2pa:{','.join([*types][:3]) or 'unspecified'}", *facts])


def _checked(data: bytes) -> dict[str, Any] | None:
    """Return c2pa-python's report on the file; None without it, and where it cannot make sense of the file."""
    context = _context()
    kind = _mime_type(data)
    if context is None or kind is None:
        return None
    import c2pa

    try:
        with c2pa.Reader(kind, io.BytesIO(data), context=context) as reader:
            report = json.loads(reader.json())
    except (c2pa.C2paError, ValueError):
        return None
    return report if isinstance(report, dict) else None


@lru_cache(maxsize=1)
def _context() -> Any:
    """Return how c2pa-python is to read, nothing fetched from anywhere; None where it is not installed."""
    if find_spec("c2pa") is None:
        return None
    import c2pa

    verify = {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": False}
    return c2pa.Context(c2pa.Settings.from_dict({"verify": verify}))


def _mime_type(data: bytes) -> str | None:
    if data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp":
        return "image/avif" if data[8:12] in (b"avif", b"avis") else "image/heic"
    return {b"\xff\xd8": "image/jpeg", b"\x89P": "image/png"}.get(data[:2])


def _tool_of(report: dict[str, Any]) -> str:
    """Return the program that made the manifest in force, as the report names it."""
    manifest = (report.get("manifests") or {}).get(report.get("active_manifest")) or {}
    information = manifest.get("claim_generator_info") or [{}]
    return str(information[0].get("name") or manifest.get("claim_generator") or "")


def _claimed_tool(manifests: bytes) -> str:
    """Return the program that made the last claim, read from its CBOR as far as that takes no parser."""
    at = manifests.rfind(b"tclaim_generator_info")  # `t`: a text of 20 bytes
    if at >= 0:
        name = manifests.find(b"dname", at, at + 400)  # `d`: a text of 4
        return _cbor_text(manifests, name + 5) if name >= 0 else ""
    at = manifests.rfind(b"oclaim_generator")
    return _cbor_text(manifests, at + 16) if at >= 0 else ""


def _cbor_text(data: bytes, at: int) -> str:
    """Return the text string (major type 3) that begins at `at`; empty where there is none of less than 256 bytes."""
    head = data[at : at + 2]
    if len(head) < 2 or not 0x60 <= head[0] <= 0x78:
        return ""
    start, length = (at + 2, head[1]) if head[0] == 0x78 else (at + 1, head[0] - 0x60)
    return data[start : start + length].decode("utf-8", "replace")


def _iptc(packets: Iterable[bytes]) -> Iterator[str]:
    for packet in packets:
        for match in _XMP_SOURCE_TYPE.finditer(packet):
            yield f"iptc:{match[1].decode('ascii')}"
            return


def _generators(notes: Notes) -> Iterator[str]:
    texts = [*notes.texts, *(pair for packet in notes.xmp for pair in _xmp_texts(packet))]
    for key, text in texts:
        name = _generator(key.lower(), text[:_SCANNED])
        if name is not None:
            yield f"generator:{name}"


def _generator(key: str, text: str) -> str | None:
    if key in _KEYS:
        return _KEYS[key]
    patterns = {**_FORMS, **_NAMES} if key in _NAMING else _FORMS
    return next((name for name, pattern in patterns.items() if pattern.search(text)), None)


def _xmp_texts(packet: bytes) -> Iterator[tuple[str, str]]:
    for match in _XMP_TEXTS.finditer(packet[: 4 * _SCANNED]):
        text = match[2] or match[3] or match[4]
        yield match[1].decode("ascii"), text.decode("utf-8", "replace").replace("&quot;", '"')


def _clean(text: str) -> str:
    """Return a name without what would steer a terminal or be taken for our own marks."""
    return _UNSAFE.sub(" ", text).strip()[:_MOST_TOOL].strip()
