"""Draws the sample images (the same ones every time) and the request bodies beside them.

They are drawings that look like photographs taken from above: uneven light, soft edges and sensor noise.
"""

import base64
import json
import math
import os
import random
import struct
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def encode(width, height, colour, rows, step, palette=None):
    """Returns a PNG of 8 bits per sample; each row gets the next filter in turn, so that all of them are used."""
    above, raw = bytes(len(rows[0])), b""
    for y, row in enumerate(rows):
        raw += bytes([y % 5]) + filtered(y % 5, row, above, step)
        above = row
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + (chunk(b"PLTE", palette) if palette else b"")
            + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b""))


def filtered(kind, row, above, step):
    out = bytearray()
    for i, x in enumerate(row):
        left = row[i - step] if i >= step else 0
        corner = above[i - step] if i >= step else 0
        up = above[i]
        nearest = min((left, up, corner), key=lambda p: abs(left + up - corner - p))
        out.append((x - (0, left, up, (left + up) // 2, nearest)[kind]) & 255)
    return bytes(out)


def clip(level):
    return max(0, min(255, round(level)))


def disc(x, y, cx, cy, rx, ry):
    """How much of the pixel lies in the ellipse, 0 to 1, with a soft edge."""
    distance = math.hypot((x - cx) / rx, (y - cy) / ry)
    return max(0.0, min(1.0, (1 - distance) * min(rx, ry) / 1.5 + 0.5))


def coins(width=140, height=100):
    """Light coins on a dark table, lit from the left: gray. Nine coins, two of which touch."""
    noise = random.Random(11)
    places = [(20, 20, 11), (52, 18, 9), (85, 24, 13), (120, 20, 10), (24, 55, 12), (60, 56, 14), (98, 60, 10),
              (117, 60, 10), (72, 86, 9)]
    rows = []
    for y in range(height):
        row = bytearray()
        for x in range(width):
            inside = max(disc(x, y, cx, cy, r, r) for cx, cy, r in places)
            table = 70 - 0.12 * x
            coin = 190 - 0.15 * x + 10 * math.sin(x + y)
            row.append(clip(table + (coin - table) * inside + noise.gauss(0, 5)))
        rows.append(bytes(row))
    return encode(width, height, 0, rows, 1)


def cells(width=96, height=80):
    """Dark stained cells on a bright slide: RGB. Seven cells and some dirt of a few pixels."""
    noise = random.Random(12)
    places = [(15, 15, 8, 6), (45, 12, 7, 9), (78, 18, 9, 7), (20, 45, 7, 7), (52, 42, 10, 8), (82, 52, 7, 10),
              (40, 68, 9, 6)]
    dirt = [(65, 66, 1, 1), (30, 30, 1, 1)]
    rows = []
    for y in range(height):
        row = bytearray()
        for x in range(width):
            stain = max(disc(x, y, *place) for place in places + dirt)
            light = 225 - 0.2 * abs(x - 48) + noise.gauss(0, 4)
            for channel, taken in ((0, 120), (1, 150), (2, 60)):
                row.append(clip(light - taken * stain + noise.gauss(0, 2)))
        rows.append(bytes(row))
    return encode(width, height, 2, rows, 3)


def parts(width=120, height=80):
    """Machine parts on a conveyor belt: 16 gray-blue colours in a palette. A washer, two bars and a plate."""
    noise = random.Random(13)
    rows = []
    for y in range(height):
        row = bytearray()
        for x in range(width):
            washer = disc(x, y, 28, 28, 18, 18) - disc(x, y, 28, 28, 8, 8)
            bars = any(x0 <= x < x0 + 40 and y0 <= y < y0 + 8 for x0, y0 in ((60, 12), (70, 34)))
            plate = 20 <= x < 50 and 55 <= y < 72
            level = 40 + 150 * max(washer, bars, plate) + noise.gauss(0, 6)
            row.append(clip(level) // 16)
        rows.append(bytes(row))
    palette = b"".join(bytes((i * 15, i * 16, min(255, i * 17))) for i in range(16))
    return encode(width, height, 3, rows, 1, palette)


def main():
    for name, data in (("coins", coins()), ("cells", cells()), ("parts", parts())):
        with open(os.path.join(HERE, name + ".png"), "wb") as image:
            image.write(data)
        with open(os.path.join(HERE, name + ".json"), "w", encoding="utf-8") as body:
            json.dump({"input_data": [base64.b64encode(data).decode()]}, body)
            body.write("\n")


if __name__ == "__main__":
    main()
