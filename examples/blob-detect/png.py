"""Reads PNG images into rows of gray levels, with zlib from the standard library and nothing else.

All colour types and bit depths of the specification are read, interlaced images are not
(Portable Network Graphics, second edition, sections 5 to 11).
"""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_PIXELS = 4_000_000

GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
_CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGBA: 4}
_DEPTHS = {GRAY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GRAY_ALPHA: (8, 16), RGBA: (8, 16)}


class PNGError(ValueError):
    """The bytes are not a PNG image that can be read; the message says why."""


class Image:
    """A gray image: `rows` is a list of `height` bytes objects, each `width` long, 0 black to 255 white."""

    def __init__(self, width, height, rows):
        self.width, self.height, self.rows = width, height, rows


def decode(data):
    """Decodes PNG bytes into an Image. Transparency is laid over white. Raises PNGError."""
    header, palette, transparency, packed = None, None, None, []
    for kind, content in _chunks(data):
        if kind == b"IHDR":
            header = _Header(content)
        elif kind == b"PLTE":
            palette = content
        elif kind == b"tRNS":
            transparency = content
        elif kind == b"IDAT":
            packed.append(content)
        elif kind == b"IEND":
            break
    if header is None:
        raise PNGError("the image has no header")
    raw = _inflate(b"".join(packed), (header.stride + 1) * header.height)
    rows = _unfilter(raw, header)
    to_gray = _converter(header, palette, transparency)
    return Image(header.width, header.height, [to_gray(row) for row in rows])


class _Header:
    def __init__(self, content):
        if len(content) != 13:
            raise PNGError("the image header is broken")
        self.width, self.height, self.depth, self.colour, _, _, interlace = struct.unpack(">IIBBBBB", content)
        if self.width == 0 or self.height == 0 or self.depth not in _DEPTHS.get(self.colour, ()):
            raise PNGError("the image header is broken")
        if self.width * self.height > MAX_PIXELS:
            raise PNGError(f"the image is {self.width}x{self.height}; at most {MAX_PIXELS:,} pixels are read")
        if interlace:
            raise PNGError("interlaced PNG images are not read; save it without interlacing")
        self.channels = _CHANNELS[self.colour]
        self.stride = (self.width * self.channels * self.depth + 7) // 8  # bytes in a row
        self.step = max(1, self.channels * self.depth // 8)  # bytes between a sample and the one left of it


def _chunks(data):
    if not data.startswith(SIGNATURE):
        raise PNGError("this is not a PNG image")
    at = len(SIGNATURE)
    while at < len(data):
        if at + 12 > len(data):
            raise PNGError("the image is cut off")
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            raise PNGError("the image is cut off")
        content = data[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack_from(">I", data, at + 8 + length)
        if checksum != zlib.crc32(kind + content):
            raise PNGError(f"the image is damaged: wrong checksum in {kind.decode('latin-1')}")
        yield kind, content
        at += 12 + length


def _inflate(packed, size):
    # Bounded, so that a small upload cannot unpack into gigabytes.
    unpacker = zlib.decompressobj()
    try:
        raw = unpacker.decompress(packed, size)
    except zlib.error as fault:
        raise PNGError(f"the image data is damaged: {fault}") from None
    if len(raw) < size:
        raise PNGError("the image data ends too early")
    return raw


def _unfilter(raw, header):
    above = bytes(header.stride)
    for start in range(0, len(raw), header.stride + 1):
        kind = raw[start]
        row = bytearray(raw[start + 1 : start + 1 + header.stride])
        if kind > 4:
            raise PNGError("the image data is damaged: unknown filter")
        if kind:
            _FILTERS[kind](row, above, header.step)
        above = bytes(row)
        yield above


def _sub(row, above, step):
    for i in range(step, len(row)):
        row[i] = (row[i] + row[i - step]) & 255


def _up(row, above, step):
    row[:] = bytes((x + up) & 255 for x, up in zip(row, above))


def _average(row, above, step):
    for i, up in enumerate(above):
        left = row[i - step] if i >= step else 0
        row[i] = (row[i] + (left + up) // 2) & 255


def _paeth(row, above, step):
    for i, up in enumerate(above):
        left, corner = (row[i - step], above[i - step]) if i >= step else (0, 0)
        to_left, to_up, to_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
        if to_left <= to_up and to_left <= to_corner:
            row[i] = (row[i] + left) & 255
        elif to_up <= to_corner:
            row[i] = (row[i] + up) & 255
        else:
            row[i] = (row[i] + corner) & 255


_FILTERS = {1: _sub, 2: _up, 3: _average, 4: _paeth}


def _converter(header, palette, transparency):
    """Returns the function that turns an unfiltered row into `width` gray bytes."""
    if header.colour == PALETTE:
        if not palette or len(palette) % 3:
            raise PNGError("the image has no palette")
        alphas = (transparency or b"") + b"\xff" * 256
        table = bytes(
            _over_white(_luma(*palette[i : i + 3]), alphas[i // 3]) for i in range(0, len(palette), 3)
        ).ljust(256, b"\0")
        return lambda row: _samples(row, header).translate(table)
    if header.colour == GRAY:
        if header.depth < 8:
            top = (1 << header.depth) - 1
            table = bytes(min(255, level * 255 // top) for level in range(256))
            return lambda row: _samples(row, header).translate(table)
        return lambda row: _samples(row, header)
    if header.colour == GRAY_ALPHA:
        return lambda row: bytes(map(_over_white, *_planes(row, header)))
    if header.colour == RGB:
        return lambda row: bytes(map(_luma, *_planes(row, header)))
    return lambda row: bytes(_over_white(_luma(r, g, b), a) for r, g, b, a in zip(*_planes(row, header)))


def _samples(row, header):
    """Returns one byte per sample: the high byte of 16 bits, the value itself of fewer than eight."""
    if header.depth == 16:
        return row[::2]
    if header.depth == 8:
        return row
    per_byte, top = 8 // header.depth, (1 << header.depth) - 1
    shifts = [8 - header.depth * (i + 1) for i in range(per_byte)]
    return bytes((byte >> shift) & top for byte in row for shift in shifts)[: header.width]


def _planes(row, header):
    samples = _samples(row, header)
    return [samples[channel :: header.channels] for channel in range(header.channels)]


def _luma(red, green, blue):
    return (299 * red + 587 * green + 114 * blue) // 1000  # ITU-R BT.601


def _over_white(level, alpha):
    return (level * alpha + 255 * (255 - alpha)) // 255
