"""Photos: bytes from outside to upright RGB pixels, and pixels to the bytes that are kept or shown.

Only the formats of ``formats.py`` are ever parsed. ``Image.open`` is avoided
because it can only be limited in pixels through ``Image.MAX_IMAGE_PIXELS``, which
every thread shares, and because it tells of a large photo by a Python warning.

What becomes of unusual photos:

* Orientation: applied from EXIF (or from the container, in HEIC and AVIF).
  Damaged EXIF is ignored: a photo with bad metadata is still a photo.
* Colour: converted to sRGB when a usable ICC profile is embedded, as phones do
  for Display P3. Profiles are not kept, so pixels in any other colour space
  would be shown in wrong colours later. A profile that can't be used is ignored.
* Transparency: laid on white, as paper would be.
* 16 bits per channel: the upper eight are kept.
* Animation and multi-page files: the first picture.
"""

from __future__ import annotations

import hashlib
import math
import stat
import struct
import warnings
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from facenet_core.errors import NotAPhotoError, PhotoError, PhotoTooLargeError, PhotoTooSmallError
from facenet_core.formats import FORMATS, OPENERS, kind_of
from facenet_core.types import Photo

MAX_BYTES: Final = 50 * 2**20
"""Largest file that is read unless the caller says otherwise, in bytes."""

MAX_PIXELS: Final = 50_000_000
"""Largest photo that is decoded unless the caller says otherwise, width times height."""

MIN_SIDE: Final = 20
"""Shortest side in pixels: the smallest face that the detector looks for."""

# Remarks on odd tags, which concern nobody here. warnings.catch_warnings around a call would change the
# filters of every other thread; this is set once.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.(Png|Tiff)ImagePlugin$")


_TRANSPOSES: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(data: bytes, name: str, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> Photo:
    """Decode a photo. Safe to call from several threads.

    Args:
        data: The file's content.
        name: What its owner calls it; used in messages and kept in the result.
        max_bytes: Refuse files of more bytes than this.
        max_pixels: Refuse photos of more pixels than this, before any is decoded.

    Returns:
        The photo: upright, sRGB, opaque. Its pixels are read-only.

    Raises:
        NotAPhotoError: Empty, not an image, of another format, or damaged.
        PhotoTooLargeError: More than ``max_bytes`` or ``max_pixels``.
        PhotoTooSmallError: A side shorter than ``MIN_SIDE``.
    """
    if not data:
        raise NotAPhotoError(name, "The file is empty. Copy or download it again.")
    _check_bytes(name, len(data), max_bytes)
    kind = kind_of(data)
    if kind not in OPENERS:
        raise NotAPhotoError(name, f"This is {kind}. Use a photo saved as {', '.join(FORMATS[:-1])} or {FORMATS[-1]}.")
    try:
        image = OPENERS[kind](BytesIO(data))
        _check_pixels(name, image.size, max_pixels)
        image.load()
        if image.mode in ("I", "F"):
            raise NotAPhotoError(
                name, "Its pixels are 32-bit measurements without a defined white. Save it as an 8-bit JPEG or PNG."
            )
        rgb = _to_rgb(image)
        # Absent in a TIFF, which Pillow has turned already, and 1 in a HEIC, which libheif has.
        transpose = _TRANSPOSES.get(_exif_orientation(image.info.get("exif")))
    except PhotoError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PhotoTooLargeError(name, f"It has too many pixels. {_limit_in_pixels(max_pixels)}") from error
    except Exception as error:  # a hostile or damaged file makes the decoders raise whatever their parsing trips over:
        # OSError, SyntaxError, ValueError, EOFError, struct.error, KeyError, RuntimeError, zlib.error, ...
        raise NotAPhotoError(
            name, f"This {kind} is damaged or incomplete. Copy or download it again, or save it anew as a JPEG."
        ) from error
    upright = rgb if transpose is None else rgb.transpose(transpose)
    return Photo(name=name, pixels=np.asarray(upright), sha256=hashlib.sha256(data).hexdigest())


def read(path: Path, *, max_bytes: int = MAX_BYTES, max_pixels: int = MAX_PIXELS) -> Photo:
    """Read and decode a photo file; its name is the file's name.

    Args:
        path: The file. Links are followed.
        max_bytes: As in :func:`decode`. No more than this is ever read.
        max_pixels: As in :func:`decode`.

    Returns:
        The photo, as from :func:`decode`.

    Raises:
        NotAPhotoError: As in :func:`content` or :func:`decode`.
        PhotoTooLargeError: As in :func:`decode`.
        PhotoTooSmallError: As in :func:`decode`.
    """
    return decode(content(path, max_bytes=max_bytes), name_of(path), max_bytes=max_bytes, max_pixels=max_pixels)


def name_of(path: Path) -> str:
    """What a photo file is called in messages: bytes that are no valid UTF-8 could be neither printed nor stored."""
    return path.name.encode(errors="replace").decode() or str(path)


def content(path: Path, *, max_bytes: int = MAX_BYTES) -> bytes:
    """Read a photo file without decoding it.

    Args:
        path: The file. Links are followed.
        max_bytes: As in :func:`decode`. No more than this and one is ever read.

    Raises:
        NotAPhotoError: Missing, unreadable, a folder or a device.
        PhotoTooLargeError: More than ``max_bytes``.
    """
    name = name_of(path)
    try:
        status = path.stat()
        # Asked before opening: opening a FIFO waits for a writer.
        if stat.S_ISDIR(status.st_mode):
            raise NotAPhotoError(name, "This is a folder. Choose the photos in it.")
        if not stat.S_ISREG(status.st_mode):
            raise NotAPhotoError(name, "This is a device or a pipe, not a file. Choose a photo.")
        _check_bytes(name, status.st_size, max_bytes)
        with path.open("rb") as file:
            return file.read(max_bytes + 1)
    except FileNotFoundError as error:
        raise NotAPhotoError(name, "There is no such file. Check its name and folder.") from error
    except PermissionError as error:
        raise NotAPhotoError(name, "You have no permission to read this file. Change its permissions.") from error
    except (OSError, ValueError) as error:
        raise NotAPhotoError(name, f"This file can't be read ({error}). Check its name and disk.") from error


def encode_stored(photo: Photo, long_side: int = 2048) -> bytes:
    """Encode a photo as it is kept after enrolment: lossless WebP without any metadata.

    Uses the fastest effort: a noisy 2048x1536 photo takes 0.13 s and 5.0 MB.
    Effort 2 took 0.6 s and 4.7 MB, effort 4 at Pillow's default quality 1.1 s
    and 4.6 MB (one core of a 2-core x86 machine, Pillow 13).

    Args:
        photo: The photo.
        long_side: Photos with a longer side than this are scaled down to it, in pixels.

    Returns:
        A WebP file. Decoding it gives the same pixels, unless they were scaled down.
    """
    return _save(_shrunk(photo.pixels, long_side), "WEBP", lossless=True, method=0, quality=0)


def fit(photo: Photo, long_side: int) -> Photo:
    """Scale a photo down to a size; a smaller one is returned as it is.

    Args:
        photo: The photo.
        long_side: Longest side of the result, in pixels.
    """
    if max(photo.width, photo.height) <= long_side:
        return photo
    return replace(photo, pixels=np.asarray(_shrunk(photo.pixels, long_side)))


def thumbnail(pixels: NDArray[np.uint8], side: int) -> bytes:
    """Encode a small JPEG for a page.

    Args:
        pixels: Shape ``(height, width, 3)``, RGB, uint8.
        side: Longest side of the result in pixels. Smaller pictures keep their size.

    Returns:
        A JPEG file without metadata.
    """
    return _save(_shrunk(pixels, side), "JPEG", quality=88)


def _check_bytes(name: str, size: int, limit: int) -> None:
    if size > limit:
        raise PhotoTooLargeError(
            name, f"The file has {size:,} bytes, and the limit is {limit:,}. Save a smaller copy and use that."
        )


def _check_pixels(name: str, size: tuple[int, int], limit: int) -> None:
    width, height = size
    if width * height > limit:
        raise PhotoTooLargeError(name, f"It has {width:,} x {height:,} pixels. {_limit_in_pixels(limit)}")
    if min(size) < MIN_SIDE:
        raise PhotoTooSmallError(
            name,
            f"It has {width} x {height} pixels, and a face needs at least {MIN_SIDE} x {MIN_SIDE}. Use a larger photo.",
        )


def _limit_in_pixels(limit: int) -> str:
    side = math.isqrt(limit)
    return f"The limit is {limit:,} in all, such as {side:,} x {side:,}. Save a smaller copy and use that."


def _exif_orientation(exif: object) -> int:
    """Read the orientation, 1 to 8, from an EXIF block; 1 where it is absent or damaged.

    Pillow's own reader raises and warns in many ways on damaged blocks. Layout:
    TIFF 6.0, section 2; orientation is tag 274, a SHORT, of the first directory.
    """
    if not isinstance(exif, bytes):
        return 1
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
        for entry in range(entries):
            tag, kind, value = struct.unpack_from(f"{order}HH4xH", tiff, directory + 2 + 12 * entry)
            if (tag, kind) == (274, 3):
                return int(value)
    except struct.error:
        pass  # The block ends early.
    return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    """Bring any mode to opaque sRGB."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I;16"):
        # Pillow would clip at 255, so that nearly everything turns white.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    alpha = None
    if image.has_transparency_data:
        opaque = "L" if image.mode == "LA" else "RGB"
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        image = image.convert(opaque)
    elif image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("RGB")
    rgb = _to_srgb(image, profile) if profile else image.convert("RGB")
    if alpha is None:
        return rgb
    paper = Image.new("RGB", rgb.size, "white")
    paper.paste(rgb, mask=alpha)
    return paper


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert with an ICC profile; without it where it is broken or belongs to another kind of pixels."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(source, target, image.mode, "RGB").apply(image)
    except (ImageCms.PyCMSError, OSError, ImportError):  # ImportError: a Pillow built without LittleCMS
        return image.convert("RGB")


def _shrunk(pixels: NDArray[np.uint8], long_side: int) -> Image.Image:
    image = Image.fromarray(pixels)
    scale = long_side / max(image.size)
    if scale >= 1:
        return image
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    # A box-filtered first step to three times the target: several times faster, no visible difference.
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _save(image: Image.Image, format_name: str, **options: int) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()
