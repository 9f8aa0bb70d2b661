from __future__ import annotations

import hashlib
import os
import re
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile, ImageOps

from facenet_core import formats, images
from facenet_core.errors import NotAPhotoError, PhotoError, PhotoTooLargeError, PhotoTooSmallError

pillow_heif.register_heif_opener()  # for writing; facenet_core itself registers nothing

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
ORIENTATION = 0x0112


def encoded(image: Image.Image, format_name: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def quarters() -> NDArray[np.uint8]:
    """A 48x32 picture whose four quarters differ, so that every turn and flip shows."""
    pixels = np.empty((32, 48, 3), np.uint8)
    pixels[:16, :24], pixels[:16, 24:] = (200, 40, 40), (40, 180, 60)
    pixels[16:, :24], pixels[16:, 24:] = (50, 60, 210), (230, 220, 90)
    return pixels


def png16(samples: NDArray[np.uint16], colour_type: int) -> bytes:
    """Write a PNG of 16 bits per channel, which Pillow can't."""
    height, width = samples.shape[:2]

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def corner(data: bytes, name: str = "photo") -> tuple[int, ...]:
    return tuple(int(value) for value in images.decode(data, name).pixels[0, 0])


def differs_at_most(data: bytes, expected: NDArray[np.uint8], tolerance: float) -> None:
    pixels = images.decode(data, "photo").pixels
    assert pixels.shape == expected.shape
    assert np.abs(pixels.astype(int) - expected).mean() <= tolerance


# Refused, each with its own sentence


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(NotAPhotoError, match=r"^face\.jpg: The file is empty\. Copy or download it again\.$"):
        images.decode(b"", "face.jpg")


@pytest.mark.parametrize("data", [b"Dear diary, ", b"BMW is a car maker from Munich", bytes(range(7, 200)), b"\0" * 99])
def test_text_and_random_bytes_are_not_a_photo(data: bytes) -> None:
    with pytest.raises(NotAPhotoError, match=r"^x\.jpg: This is not a photo\. Use a photo saved as JPEG, PNG, .* or "):
        images.decode(data, "x.jpg")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"%PDF-1.7\n", "a PDF document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n", "a PostScript drawing"),
        (b"8BPS\0\1" + bytes(20), "a Photoshop document"),
        (encoded(Image.new("RGB", (32, 32)), "ICO"), "a Windows icon"),
        (encoded(Image.new("RGB", (32, 32)), "JPEG2000"), "a JPEG 2000 picture"),
        (b"\xff\x0a" + bytes(20), "a JPEG XL picture"),
        (b"PK\3\4" + bytes(20), "a zip archive"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "a video"),
    ],
)
def test_another_format_is_refused_by_name(data: bytes, words: str) -> None:
    with pytest.raises(NotAPhotoError, match=f"This is {words}") as refusal:
        images.decode(data, "x.jpg")
    assert all(name in str(refusal.value) for name in formats.FORMATS)


def test_formats_that_pillow_could_read_but_nobody_needs_are_refused() -> None:
    for format_name in ("PPM", "TGA", "PCX", "SGI", "DDS"):
        with pytest.raises(NotAPhotoError, match="This is not a photo"):
            images.decode(encoded(Image.new("RGB", (32, 32), RED), format_name), "x")


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF"])
def test_a_truncated_photo_is_refused_by_name(format_name: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8))
    data = encoded(noise, format_name)
    for length in (len(data) // 4, len(data) // 2, len(data) - 200):
        with pytest.raises(NotAPhotoError, match=r"^holiday: This \w+ is damaged or incomplete\."):
            images.decode(data[:length], "holiday")
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_more_bytes_than_the_limit_are_refused() -> None:
    data = encoded(Image.new("RGB", (64, 64)), "BMP")
    with pytest.raises(PhotoTooLargeError, match=r"^big: The file has 12,342 bytes, and the limit is 12,341\."):
        images.decode(data, "big", max_bytes=12_341)
    assert images.decode(data, "big", max_bytes=12_342).width == 64


def jpeg_of_size(width: int, height: int) -> bytes:
    data = encoded(Image.new("RGB", (32, 32)), "JPEG")
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def bmp_of_size(width: int, height: int) -> bytes:
    data = encoded(Image.new("RGB", (32, 32)), "BMP")
    return data[:18] + struct.pack("<ii", width, height) + data[26:]


def png_of_size(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + body + struct.pack(">I", zlib.crc32(body)) + b"\0\0\0\0IDAT\x35\xaf\x06\x1e"


def tiff_of_size(width: int, height: int) -> bytes:
    entries = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (279, 1)]
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4)


def gif_of_size(width: int, height: int) -> bytes:
    data = encoded(Image.new("P", (32, 32)), "GIF")
    return data[:6] + struct.pack("<HH", width, height) + data[10:]


@pytest.mark.parametrize("bomb", [jpeg_of_size, bmp_of_size, png_of_size, tiff_of_size, gif_of_size])
@pytest.mark.parametrize("side", [20_000, 11_000, 7_072])
def test_a_decompression_bomb_is_refused_from_its_header(bomb: Any, side: int) -> None:
    # None of these files holds the pixels it announces: a decoder that started would call them damaged.
    # Pillow by itself raises above 179 megapixels (the first side), and warns above 89 (the second).
    with pytest.raises(PhotoTooLargeError, match=f"^bomb: It has {side:,} x {side:,} pixels. The limit is 50,000,000 "):
        images.decode(bomb(side, side), "bomb")


def test_a_webp_bomb_is_refused() -> None:
    header = b"\x2f" + struct.pack("<I", 16_382 | 16_382 << 14)
    data = b"RIFF" + struct.pack("<I", 24) + b"WEBPVP8L" + struct.pack("<I", 12) + header + bytes(7)
    with pytest.raises(PhotoTooLargeError, match=r"^bomb: It has too many pixels\. The limit is 50,000,000 in all"):
        images.decode(data, "bomb")


def test_the_limit_on_pixels_is_the_callers() -> None:
    data = encoded(Image.new("RGB", (100, 50)), "PNG")
    assert images.decode(data, "photo", max_pixels=5_000).pixels.shape == (50, 100, 3)
    with pytest.raises(PhotoTooLargeError, match=r"100 x 50 pixels\. The limit is 4,999 in all, such as 70 x 70\."):
        images.decode(data, "photo", max_pixels=4_999)


@pytest.mark.parametrize("size", [(1, 1), (19, 400), (400, 19)])
def test_a_photo_too_small_for_a_face_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(PhotoTooSmallError, match=f"It has {size[0]} x {size[1]} pixels, and a face needs at least 20"):
        images.decode(encoded(Image.new("RGB", size), "PNG"), "dot.png")


@pytest.mark.parametrize("mode", ["I", "F"])
def test_measurements_are_refused_rather_than_guessed(mode: str) -> None:
    with pytest.raises(NotAPhotoError, match="32-bit measurements"):
        images.decode(encoded(Image.new(mode, (32, 32), 1), "TIFF"), "scan.tif")


def test_damaged_bytes_never_raise_anything_but_a_photo_error() -> None:
    rng = np.random.default_rng(7)
    noise = Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8))
    for format_name in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF"):
        data = np.frombuffer(encoded(noise, format_name), np.uint8)
        for _ in range(40):
            damaged = data.copy()
            where = rng.integers(4, min(len(data), 400), 4)
            damaged[where] = rng.integers(0, 256, 4)
            try:
                assert images.decode(damaged.tobytes(), "x").pixels.dtype == np.uint8
            except PhotoError as refusal:
                assert str(refusal).startswith("x: ")


# Accepted


@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG", "HEIF", "AVIF"])
def test_every_supported_format_gives_its_pixels(format_name: str) -> None:
    lossless = format_name in ("PNG", "WEBP", "GIF", "BMP", "TIFF")
    options = {"lossless": True} if format_name == "WEBP" else {} if lossless else {"quality": 95}
    differs_at_most(encoded(Image.fromarray(quarters()), format_name, **options), quarters(), 0 if lossless else 4)


def test_the_format_is_told_by_the_first_bytes_alone() -> None:
    for format_name in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WebP"):
        assert formats.format_of(encoded(Image.new("RGB", (32, 32)), format_name)[:256]) == format_name
    for other in (b"", b"%PDF-1.7", b"<html>", b"<svg", b"\0\0\0\x18ftypmp42\0\0\0\0mp42"):
        assert formats.format_of(other) is None


def test_a_photo_carries_its_name_and_the_hash_of_its_bytes() -> None:
    data = encoded(Image.fromarray(quarters()), "PNG")
    photo = images.decode(data, "Ada.png")
    assert (photo.name, photo.width, photo.height) == ("Ada.png", 48, 32)
    assert photo.sha256 == hashlib.sha256(data).hexdigest()
    assert photo.pixels.dtype == np.uint8 and not photo.pixels.flags.writeable


def stored_as(upright: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Lay pixels out so that the orientation makes them upright.

    Exif 3.0, 4.6.5.1.6: the first row and column of what is stored are the upright picture's
    1 top, left; 2 top, right; 3 bottom, right; 4 bottom, left; 5 left, top; 6 right, top;
    7 right, bottom; 8 left, bottom.
    """
    turned = upright.swapaxes(0, 1)
    layouts = [
        upright, upright[:, ::-1], upright[::-1, ::-1], upright[::-1],
        turned, turned[::-1], turned[::-1, ::-1], turned[:, ::-1],
    ]  # fmt: skip
    return np.ascontiguousarray(layouts[orientation - 1])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("format_name", "options", "tolerance"),
    [
        ("JPEG", {"quality": 95, "subsampling": 0}, 3),
        ("MPO", {"quality": 95, "subsampling": 0}, 3),
        ("PNG", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("TIFF", {}, 0),
        ("TIFF", {"compression": "tiff_lzw"}, 0),
        ("HEIF", {"quality": 95}, 4),
        ("AVIF", {"quality": 95}, 4),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_turned_photo_is_made_upright(
    format_name: str, options: dict[str, Any], tolerance: float, orientation: int
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored = Image.fromarray(stored_as(quarters(), orientation))
    differs_at_most(encoded(stored, format_name, exif=exif.tobytes(), **options), quarters(), tolerance)


def test_orientation_is_read_in_either_byte_order() -> None:
    tags = struct.pack(">HHHII", 2, 0x010F, 2, 4, 0x41424300) + struct.pack(">HHIHH", ORIENTATION, 3, 1, 3, 0)
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + tags + bytes(4)
    stored = Image.fromarray(stored_as(quarters(), 3))
    differs_at_most(encoded(stored, "JPEG", exif=exif, quality=95, subsampling=0), quarters(), 3)


@pytest.mark.parametrize(
    "exif",
    [
        b"Exif\0\0I\x01\0\0\0\0\0\0\x08\0\x1a\x01\x05\0",
        b"Exif\0\0",
        b"Exif\0\0II*\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01",
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x63\0\0\0",
        b"Exif\0\0II*\0\x08\0\0\0\x02\0\x1a\x01\x05\0\x01\0\0\0\xff\xff\0\0",
    ],
)
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_a_photo_with_damaged_exif_is_accepted_as_it_lies(format_name: str, exif: bytes) -> None:
    options = {"lossless": True} if format_name == "WEBP" else {"quality": 95}
    differs_at_most(encoded(Image.fromarray(quarters()), format_name, exif=exif, **options), quarters(), 5)


def test_a_real_photo_with_malformed_exif_is_accepted() -> None:
    folder = os.environ.get("FACENET_DATA")
    if not folder:
        pytest.skip("FACENET_DATA is not set")
    path = Path(folder, "album-athletes", "serena_williams", "232.jpg")
    with Image.open(path) as image, pytest.raises(SyntaxError):
        ImageOps.exif_transpose(image)
    assert images.read(path).pixels.shape == (1615, 2152, 3)


def test_odd_tiff_tags_are_no_reason_to_warn() -> None:
    data = encoded(Image.fromarray(quarters()), "TIFF", tiffinfo={296: 2})
    odd = data.replace(struct.pack("<HHI", 296, 3, 1), struct.pack("<HHI", 296, 3, 2))
    with pytest.warns(UserWarning, match="too many entries"), Image.open(BytesIO(odd)):
        pass
    script = "import sys; from facenet_core import images; print(images.decode(sys.stdin.buffer.read(), 'x').width)"
    root = Path(images.__file__).parents[1]
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], input=odd, capture_output=True, cwd=root)
    assert (done.stdout.strip(), done.stderr) == (b"48", b"")


def test_cmyk_is_neither_inverted_nor_refused() -> None:
    # Pillow writes CMYK JPEG as Adobe does: inverted, and marked so.
    data = encoded(Image.new("CMYK", (32, 32), (0, 255, 255, 0)), "JPEG", quality=100)
    assert data[data.index(b"Adobe") + 11] == 0
    np.testing.assert_allclose(corner(data), RED, atol=4)
    assert corner(encoded(Image.new("CMYK", (32, 32), (255, 0, 255, 0)), "TIFF")) == GREEN


def test_ycck_is_read_as_the_colours_it_means() -> None:
    # Adobe transform 2: the inverted C, M, Y are stored as YCbCr of their complements, K as it is.
    cyan_magenta_yellow = Image.new("RGB", (32, 32), (40, 200, 120)).convert("YCbCr").split()
    planes = [ImageOps.invert(plane) for plane in cyan_magenta_yellow]
    data = bytearray(encoded(Image.merge("CMYK", [*planes, Image.new("L", (32, 32), 0)]), "JPEG", quality=100))
    data[data.index(b"Adobe") + 11] = 2
    np.testing.assert_allclose(corner(bytes(data)), (215, 55, 135), atol=4)


def test_sixteen_bit_gray_keeps_its_shades() -> None:
    ramp = np.linspace(0, 65_535, 64 * 32).astype(np.uint16).reshape(32, 64)
    pixels = images.decode(png16(ramp, 0), "scan.png").pixels
    np.testing.assert_array_equal(pixels, np.repeat((ramp >> 8)[..., None], 3, axis=2))
    tiff = images.decode(encoded(Image.fromarray(ramp), "TIFF"), "scan.tif").pixels
    np.testing.assert_array_equal(tiff, pixels)


def test_sixteen_bit_colour_keeps_its_shades() -> None:
    colour = np.empty((32, 32, 3), np.uint16)
    colour[:] = (0x1234, 0x8080, 0xFEDC)
    assert corner(png16(colour, 2)) == (0x12, 0x80, 0xFE)
    with_alpha = np.dstack([colour, np.full((32, 32), 0xFFFF, np.uint16)])
    assert corner(png16(with_alpha, 6)) == (0x12, 0x80, 0xFE)


@pytest.mark.parametrize(("mode", "value", "expected"), [("1", 1, WHITE), ("1", 0, (0, 0, 0)), ("L", 90, (90, 90, 90))])
def test_black_and_white_and_gray_become_rgb(mode: str, value: int, expected: tuple[int, ...]) -> None:
    assert corner(encoded(Image.new(mode, (32, 32), value), "PNG")) == expected


@pytest.mark.parametrize("alpha", [0, 128, 255])
@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "TIFF"])
def test_transparency_is_laid_on_white(format_name: str, alpha: int) -> None:
    options = {"lossless": True, "exact": True} if format_name == "WEBP" else {}
    expected = [round(value * alpha / 255 + 255 - alpha) for value in (10, 20, 30)]
    data = encoded(Image.new("RGBA", (32, 32), (10, 20, 30, alpha)), format_name, **options)
    np.testing.assert_allclose(corner(data), expected, atol=1)


def test_transparent_gray_is_laid_on_white() -> None:
    assert corner(encoded(Image.new("LA", (32, 32), (0, 0)), "PNG")) == WHITE
    assert corner(encoded(Image.new("LA", (32, 32), (60, 255)), "PNG")) == (60, 60, 60)


@pytest.mark.parametrize("format_name", ["PNG", "GIF"])
def test_a_palette_becomes_its_colours_and_its_holes_white(format_name: str) -> None:
    image = Image.new("P", (32, 32), 1)
    image.putpalette([0, 0, 0, *RED, *BLUE])
    image.paste(2, (0, 0, 10, 10))
    assert corner(encoded(image, format_name)) == BLUE
    pixels = images.decode(encoded(image, format_name, transparency=2), "logo").pixels
    assert tuple(pixels[0, 0]) == WHITE and tuple(pixels[20, 20]) == RED


def test_a_palette_with_half_transparent_colours_is_blended() -> None:
    image = Image.new("P", (32, 32), 1)
    image.putpalette([0, 0, 0, *RED])
    np.testing.assert_allclose(corner(encoded(image, "PNG", transparency=bytes([0, 128]))), (255, 127, 127), atol=1)


def test_a_transparent_key_colour_is_white() -> None:
    assert corner(encoded(Image.new("RGB", (32, 32), GREEN), "PNG", transparency=GREEN)) == WHITE
    assert corner(encoded(Image.new("L", (32, 32), 7), "PNG", transparency=7)) == WHITE


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG", "TIFF", "MPO", "HEIF"])
def test_several_pictures_in_one_file_give_the_first(format_name: str) -> None:
    first, second = Image.new("RGB", (32, 32), RED), Image.new("RGB", (32, 32), BLUE)
    data = encoded(first, format_name, save_all=True, append_images=[second], quality=95)
    np.testing.assert_allclose(corner(data), RED, atol=6)


def swapped_profile() -> bytes:
    """An ICC profile in which red means blue."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return srgb.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_an_embedded_colour_profile_is_applied(format_name: str) -> None:
    data = encoded(Image.new("RGB", (32, 32), (230, 20, 20)), format_name, icc_profile=swapped_profile(), quality=95)
    red, green, blue = corner(data)
    assert blue > 180 and red < 60 and green < 60


def test_a_colour_profile_of_a_palette_is_applied() -> None:
    image = Image.new("P", (32, 32), 1)
    image.putpalette([0, 0, 0, *RED])
    np.testing.assert_allclose(corner(encoded(image, "PNG", icc_profile=swapped_profile())), BLUE, atol=2)


def test_a_colour_profile_does_not_disturb_transparency() -> None:
    image = Image.new("RGBA", (32, 32), (*RED, 255))
    image.paste((0, 0, 0, 0), (0, 0, 8, 8))
    pixels = images.decode(encoded(image, "PNG", icc_profile=swapped_profile()), "logo.png").pixels
    assert tuple(pixels[0, 0]) == WHITE
    np.testing.assert_allclose(pixels[20, 20], BLUE, atol=2)


@pytest.mark.parametrize("profile", [b"not a profile", swapped_profile()[:200]])
def test_a_broken_colour_profile_is_ignored(profile: bytes) -> None:
    assert corner(encoded(Image.new("RGB", (32, 32), RED), "PNG", icc_profile=profile)) == RED


def test_a_colour_profile_for_other_pixels_is_ignored() -> None:
    assert corner(encoded(Image.new("L", (32, 32), 90), "PNG", icc_profile=swapped_profile())) == (90, 90, 90)


# Files


def test_a_file_is_named_after_itself(tmp_path: Path) -> None:
    path = tmp_path / "Grace_Hopper.png"
    path.write_bytes(encoded(Image.fromarray(quarters()), "PNG"))
    photo = images.read(path)
    assert photo.name == "Grace_Hopper.png"
    np.testing.assert_array_equal(photo.pixels, quarters())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "link.jpg").symlink_to(tmp_path / "gone.jpg")
    for name in ("gone.jpg", "link.jpg"):
        with pytest.raises(NotAPhotoError, match=rf"^{name}: There is no such file\."):
            images.read(tmp_path / name)


def test_a_folder_is_not_a_photo(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    with pytest.raises(NotAPhotoError, match=r"^holiday: This is a folder\."):
        images.read(tmp_path / "holiday")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_pipes_and_devices_are_refused_without_opening_them(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", Path("/dev/zero")):
        with pytest.raises(NotAPhotoError, match=rf"^{path.name}: This is a device or a pipe"):
            images.read(path)


def test_an_unreadable_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(b"x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(NotAPhotoError, match=r"^secret\.jpg: You have no permission to read this file\."):
        images.read(path)


def test_a_name_that_no_disk_accepts_is_refused() -> None:
    for name in ("a\0b.jpg", "x" * 5000):
        with pytest.raises(NotAPhotoError, match="This file can't be read"):
            images.read(Path(name))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux allows such names")
def test_a_file_name_of_broken_text_can_still_be_shown(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/Caf\xe9.png"))
    path.write_bytes(encoded(Image.fromarray(quarters()), "PNG"))
    assert images.read(path).name == "Caf?.png"


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    path.touch()
    os.truncate(path, 2**35)
    with pytest.raises(PhotoTooLargeError, match=r"^huge\.jpg: The file has 34,359,738,368 bytes, and the limit is 52"):
        images.read(path)


def test_a_file_that_grows_while_it_is_read_is_still_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, small = tmp_path / "growing.bmp", tmp_path / "small"
    path.write_bytes(encoded(Image.new("RGB", (64, 64)), "BMP"))
    small.write_bytes(b"x")
    before = small.stat()
    monkeypatch.setattr(Path, "stat", lambda *_, **__: before)
    with pytest.raises(PhotoTooLargeError, match=r"has 1,001 bytes"):
        images.read(path, max_bytes=1_000)


# What is kept and shown


def test_a_stored_photo_has_the_same_pixels() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (61, 83, 3), np.uint8)
    photo = images.decode(encoded(Image.fromarray(noise), "PNG"), "noise.png")
    np.testing.assert_array_equal(images.decode(images.encode_stored(photo), "kept").pixels, noise)


@pytest.mark.parametrize(("size", "expected"), [((120, 60), (80, 40)), ((60, 120), (40, 80)), ((80, 60), (80, 60))])
def test_a_stored_photo_is_scaled_down_only_when_too_long(size: tuple[int, int], expected: tuple[int, int]) -> None:
    photo = images.decode(encoded(Image.new("RGB", size, RED), "PNG"), "wide.png")
    kept = images.decode(images.encode_stored(photo, long_side=80), "kept")
    assert (kept.width, kept.height) == expected
    assert (kept.pixels == RED).all()


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_nothing_but_pixels_is_kept_of_a_photo(format_name: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Leaky Camera"
    exif.get_ifd(0x8825)[1] = "N"
    options: dict[str, Any] = {"exif": exif, "icc_profile": swapped_profile()}
    if format_name in ("JPEG", "WEBP", "HEIF", "AVIF"):
        options["xmp"] = b"<x:xmpmeta>Leaky place</x:xmpmeta>"
    if format_name == "JPEG":
        options["comment"] = b"Leaky comment"
    data = encoded(Image.fromarray(quarters()), format_name, **options)
    assert b"Leaky" in data
    photo = images.decode(data, "photo")
    for kept in (images.encode_stored(photo), images.thumbnail(photo.pixels, 24)):
        assert b"Leaky" not in kept
        with Image.open(BytesIO(kept)) as image:
            assert not image.getexif()
            assert not {"exif", "xmp", "icc_profile", "comment"} & set(image.info)
    stored = images.encode_stored(photo)
    assert stored[12:16] == b"VP8L" and int.from_bytes(stored[16:20], "little") + 20 in (len(stored), len(stored) - 1)


def test_a_thumbnail_fits_and_keeps_its_shape() -> None:
    with Image.open(BytesIO(images.thumbnail(np.full((300, 400, 3), 90, np.uint8), 160))) as image:
        assert (image.format, image.size) == ("JPEG", (160, 120))
    with Image.open(BytesIO(images.thumbnail(np.full((30, 40, 3), 90, np.uint8), 160))) as image:
        assert image.size == (40, 30)


# What is shipped


def test_the_shipped_portraits_are_those_that_their_readme_describes() -> None:
    folder = Path(images.__file__).parents[1] / "images"
    readme = (folder / "README.md").read_text(encoding="utf-8")
    described = dict(
        re.findall(r"^## (\S+\.jpg)$.*?^\| sha256 \| `([0-9a-f]{64})` \|$", readme, re.MULTILINE | re.DOTALL)
    )
    assert set(described) == {path.name for path in folder.iterdir()} - {"README.md"}
    for name, digest in described.items():
        assert images.read(folder / name, max_bytes=300_000).sha256 == digest


# Many at once


def test_photos_decode_side_by_side_whatever_their_neighbours_do() -> None:
    good = encoded(Image.fromarray(quarters()), "PNG")
    jobs = {
        "good.png": good,
        "good.jpg": encoded(Image.fromarray(quarters()), "JPEG", quality=95, subsampling=0),
        "good.heic": encoded(Image.fromarray(quarters()), "HEIF", quality=95),
        "bomb": png_of_size(11_000, 11_000),
        "cut": good[:60],
        "exif.jpg": encoded(Image.fromarray(quarters()), "JPEG", exif=b"Exif\0\0I\x01\0\0", quality=95, subsampling=0),
        "dot": encoded(Image.new("RGB", (1, 1)), "PNG"),
        "text": b"hello",
    }
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))

    def attempt(name: str) -> str:
        try:
            pixels = images.decode(jobs[name], name).pixels
        except PhotoError as refusal:
            assert refusal.photo == name
            return type(refusal).__name__
        assert np.abs(pixels.astype(int) - quarters()).mean() < 4
        return "accepted"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attempt, list(jobs) * 10))
    assert answers == [
        "accepted", "accepted", "accepted", "PhotoTooLargeError", "NotAPhotoError", "accepted", "PhotoTooSmallError",
        "NotAPhotoError",
    ] * 10  # fmt: skip
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))
