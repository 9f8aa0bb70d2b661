"""File formats of photos, told by their first bytes, and what opens each of them.

A file's own signature picks one Pillow plugin, which is called directly: nothing
but these formats is ever parsed.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Final

from PIL import Image, ImageFile, features
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pillow_heif import HeifImageFile


class _JpegFile(JpegImageFile):
    """A JPEG whose EXIF block Pillow does not parse on opening.

    Pillow looks there for the resolution, and warns when the block is damaged.
    Opened as plain JPEG, an MPO yields its first picture.
    """

    def getexif(self) -> Image.Exif:
        """Return no tags."""
        return Image.Exif()


OPENERS: Final[dict[str, Callable[[BytesIO], ImageFile.ImageFile]]] = {
    "JPEG": _JpegFile,
    "PNG": PngImageFile,
    "WebP": WebPImageFile,
    "HEIC": HeifImageFile,
    "TIFF": TiffImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
} | ({"AVIF": AvifImageFile} if features.check("avif") else {})
"""What opens a format. A Pillow without AVIF can't read that one."""

FORMATS: Final[tuple[str, ...]] = tuple(OPENERS)
"""Names of the formats that :func:`~facenet_core.images.decode` reads. JPEG includes MPO."""

_SIGNATURES: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript drawing"),
    (b"8BPS", "a Photoshop document"),
    (b"\0\0\1\0", "a Windows icon"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"PK\3\4", "a zip archive or an office document"),
)

_HEIC_BRANDS: Final = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
_AVIF_BRANDS: Final = {b"avif", b"avis"}


def format_of(data: bytes) -> str | None:
    """Tell a picture's format by its first bytes; nothing is decoded.

    Args:
        data: The beginning of a file; 256 bytes are enough.

    Returns:
        A name in ``FORMATS``, or None where :func:`~facenet_core.images.decode` would refuse the file.
    """
    kind = kind_of(data)
    return kind if kind in OPENERS else None


def kind_of(data: bytes) -> str:
    """Say what a file is by its first bytes.

    Args:
        data: The beginning of a file; 256 bytes are enough.

    Returns:
        A name in ``FORMATS``, or words that fit after "This is".
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[:2] == b"BM" and data[15:18] == b"\0\0\0":  # text may begin with BM; a header of 16 MB may not follow
        return "BMP"
    if data[4:8] == b"ftyp":  # ISO/IEC 14496-12, 4.3: size, "ftyp", major brand, version, compatible brands
        end = min(int.from_bytes(data[:4]), 256)
        brands = {data[8:12], *(data[at : at + 4] for at in range(16, end, 4))}
        if brands & _AVIF_BRANDS:
            return "AVIF" if "AVIF" in OPENERS else "an AVIF picture, which this installation can't read"
        return "HEIC" if brands & _HEIC_BRANDS else "a video"
    return next((kind for signature, kind in _SIGNATURES if data.startswith(signature)), "not a photo")
