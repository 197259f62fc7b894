"""Unit tests: python3 -m unittest discover -s examples/blob-detect -t examples/blob-detect"""

import base64
import json
import os
import struct
import unittest
import zlib

import blobs
import main
import png
from server import Refused, Request

SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "samples")


def sample(name):
    with open(os.path.join(SAMPLES, name), "rb") as file:
        return file.read()


def post(body, content_type="application/json", target="/predict"):
    return Request("POST", target, {"Content-Type": content_type}, body)


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def build(colour, depth, width, raw, *extra, interlace=0):
    """A PNG of one row (filter 0)."""
    header = struct.pack(">IIBBBBB", width, 1, depth, colour, 0, 0, interlace)
    return (png.SIGNATURE + chunk(b"IHDR", header) + b"".join(extra)
            + chunk(b"IDAT", zlib.compress(b"\0" + raw)) + chunk(b"IEND", b""))


class Decoding(unittest.TestCase):
    def test_colour_types(self):
        for name, data, want in (
            ("gray 8", build(0, 8, 3, b"\x00\x80\xff"), b"\x00\x80\xff"),
            ("gray 1", build(0, 1, 3, b"\xa0"), b"\xff\x00\xff"),
            ("gray 4", build(0, 4, 3, b"\x0f\x50"), b"\x00\xff\x55"),
            ("gray 16", build(0, 16, 2, b"\x12\x34\xff\xff"), b"\x12\xff"),
            ("gray alpha", build(4, 8, 2, b"\x00\xff\x00\x00"), b"\x00\xff"),
            ("rgb", build(2, 8, 2, b"\xff\xff\xff\xff\x00\x00"), b"\xff\x4c"),
            ("rgba", build(6, 8, 2, b"\x00\x00\x00\xff\x00\x00\x00\x00"), b"\x00\xff"),
            ("palette", build(3, 8, 3, b"\x01\x00\x07", chunk(b"PLTE", b"\0\0\0\xff\xff\xff")), b"\xff\x00\x00"),
            ("palette 2", build(3, 2, 3, b"\x44", chunk(b"PLTE", b"\0\0\0\xff\xff\xff"), chunk(b"tRNS", b"\0")),
             b"\xff\xff\xff"),
        ):
            with self.subTest(name):
                self.assertEqual(png.decode(data).rows, [want])

    def test_filters_agree(self):
        # Every sample uses all five filters in turn; a wrong one shows as stripes, which the counts would not survive.
        image = png.decode(sample("coins.png"))
        self.assertEqual((image.width, image.height, len(image.rows)), (140, 100, 100))
        corner = [sum(row[:8]) / 8 for row in image.rows[:6]]
        self.assertLess(max(corner) - min(corner), 20)

    def test_broken_images_are_refused(self):
        whole = sample("cells.png")
        for name, data, reason in (
            ("empty", b"", "not a PNG"),
            ("text", b"hello", "not a PNG"),
            ("cut off", whole[:200], "cut off"),
            ("flipped bit", whole[:60] + bytes([whole[60] ^ 1]) + whole[61:], "checksum"),
            ("no header", png.SIGNATURE + chunk(b"IEND", b""), "no header"),
            ("short data", build(0, 8, 9, b"\0"), "ends too early"),
            ("no palette", build(3, 8, 1, b"\0"), "no palette"),
            ("interlaced", build(0, 8, 1, b"\0", interlace=1), "interlac"),
            ("huge", build(0, 8, 1 << 30, b"\0"), "at most"),
            ("depth", build(2, 4, 1, b"\0"), "header is broken"),
            ("not zlib", png.SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
             + chunk(b"IDAT", b"xx"), "damaged"),
        ):
            with self.subTest(name), self.assertRaisesRegex(png.PNGError, reason):
                png.decode(data)


class Finding(unittest.TestCase):
    def test_otsu_splits_two_levels(self):
        threshold = blobs.otsu([bytes([20] * 50 + [200] * 10)])
        self.assertTrue(20 <= threshold < 200)
        self.assertIsNone(blobs.otsu([bytes([7] * 10)]))

    def test_diagonal_and_u_shapes_are_one_object(self):
        def areas(*lines):
            mask = [bytes(c == "#" for c in line) for line in lines]
            return sorted(o.area for o in blobs._components(mask))

        self.assertEqual(areas("#..", ".#.", "..#"), [3])
        self.assertEqual(areas("#.#", "#.#", "###"), [7])
        self.assertEqual(areas("#.#", "...", "#.#"), [1, 1, 1, 1])
        self.assertEqual(areas("..#", "#.#", "#.#", "###"), [8])

    def test_a_square_is_measured(self):
        rows = [bytes(200 if 4 <= x < 14 and 6 <= y < 12 else 10 for x in range(30)) for y in range(20)]
        (found,), _, polarity = blobs.find(rows)
        self.assertEqual(polarity, "light")
        self.assertEqual(found["centroid"], {"x": 8.5, "y": 8.5})
        self.assertAlmostEqual(found["area"], 60, delta=8)

    def test_samples(self):
        for name, polarity, count in (("coins", "light", 8), ("cells", "dark", 7), ("parts", "light", 4)):
            answer = main.predict(post(sample(name + ".json")))["predictions"][0]
            self.assertEqual((answer["polarity"], answer["count"]), (polarity, count), name)

    def test_one_coin_is_where_it_was_drawn(self):
        objects = main.predict(post(sample("coins.png"), "image/png"))["predictions"][0]["objects"]
        nearest = min(objects, key=lambda o: abs(o["centroid"]["x"] - 60) + abs(o["centroid"]["y"] - 56))
        self.assertAlmostEqual(nearest["centroid"]["x"], 60, delta=0.5)
        self.assertAlmostEqual(nearest["centroid"]["y"], 56, delta=0.5)
        self.assertAlmostEqual(nearest["area"], 3.1416 * 14 * 14, delta=40)


class Requests(unittest.TestCase):
    def test_three_ways_in_give_one_answer(self):
        image = sample("parts.png")
        multipart = (b"--xx\r\nContent-Disposition: form-data; name=\"min_area\"\r\n\r\n30\r\n"
                     b"--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"parts.png\"\r\n"
                     b"Content-Type: image/png\r\n\r\n" + image + b"\r\n--xx--\r\n")
        encoded = base64.b64encode(image).decode()
        answers = [
            main.predict(request)["predictions"][0]["objects"]
            for request in (
                post(image, "image/png", "/predict?min_area=30"),
                post(multipart, "multipart/form-data; boundary=xx"),
                post(json.dumps({"input_data": "data:image/png;base64," + encoded, "min_area": 30}).encode()),
            )
        ]
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(answers[0], answers[2])

    def test_samples_hold_the_images_beside_them(self):
        for name in ("coins", "cells", "parts"):
            (encoded,) = json.loads(sample(name + ".json"))["input_data"]
            self.assertEqual(base64.b64decode(encoded), sample(name + ".png"))

    def test_bad_input_is_refused(self):
        image = base64.b64encode(sample("cells.png")).decode()
        for body, content_type, status in (
            (b"", "application/json", 400), (b"{", "", 400), (b"{}", "", 422), (b'{"input_data": []}', "", 422),
            (b'{"input_data": [1]}', "", 422), (b'{"input_data": ["@@"]}', "", 422),
            (b'{"input_data": ["aGVsbG8="]}', "", 422), (b"hello", "image/png", 422),
            (b"hello", "multipart/form-data; boundary=xx", 400), (b"hello", "multipart/form-data", 400),
            (json.dumps({"input_data": image, "min_area": "many"}).encode(), "", 422),
            (json.dumps({"input_data": image, "min_area": 0}).encode(), "", 422),
            (json.dumps({"input_data": image, "polarity": "pink"}).encode(), "", 422),
            (json.dumps({"input_data": [image] * 17}).encode(), "", 422),
        ):
            with self.subTest(body[:40]), self.assertRaises(Refused) as caught:
                main.predict(post(body, content_type))
            self.assertEqual(caught.exception.status, status, body[:40])


if __name__ == "__main__":
    unittest.main()
