"""Unit tests: python3 -m unittest discover -s examples/text-classify -t examples/text-classify"""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
import unittest

import main
from model import Classifier, cross_validate, features, read_rows
from server import Refused, Request


def post(body):
    return Request("POST", "/predict", {}, body)


class Model(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.train = read_rows(os.path.join(main.HERE, "data", "train.tsv"))
        cls.heldout = read_rows(os.path.join(main.HERE, "data", "heldout.tsv"))
        cls.model = Classifier().fit(cls.train)

    def test_heldout_accuracy(self):
        self.assertGreater(self.model.accuracy(self.heldout), 0.78)

    def test_heldout_sentences_are_not_trained_on(self):
        self.assertFalse({t for _, t in self.train} & {t for _, t in self.heldout})

    def test_both_languages_carry_weight(self):
        for chinese in (True, False):
            rows = [r for r in self.heldout if any(c >= "\u3400" for c in r[1]) == chinese]
            self.assertGreater(len(rows), 30)
            self.assertGreater(self.model.accuracy(rows), 0.7)

    def test_shuffled_labels_are_not_learnable(self):
        labels = [label for label, _ in self.train]
        shifted = [(labels[(i * 97 + 31) % len(labels)], text) for i, (_, text) in enumerate(self.train)]
        accuracy, _ = cross_validate(shifted, 5, 1.0)
        self.assertLess(accuracy, 0.45)

    def test_probabilities_add_up(self):
        for text in ("很好用", "where is it?", "@@@", "1234"):
            self.assertAlmostEqual(sum(self.model.probabilities(text).values()), 1.0)

    def test_full_width_marks_are_plain_marks(self):
        self.assertEqual(features("ＯＫ？"), features("ok?"))


class Predict(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = main.Service()

    def test_samples(self):
        expected = {
            "mixed.json": ["complaint", "question", "praise", "order"],
            "chinese.json": ["complaint", "question", "praise", "order"],
            "english.json": ["complaint", "question", "praise", "order"],
        }
        for name, labels in expected.items():
            with open(os.path.join(main.HERE, "samples", name), "rb") as sample:
                answer = self.service.predict(post(sample.read()))
            self.assertEqual([p["label"] for p in answer["predictions"]], labels, name)

    def test_bad_input_is_refused(self):
        for body, status in (
            (b"", 400), (b"{", 400), (b"[]", 400), (b"[" * 100000, 400), (b"\xff\xfe", 400), (b"{}", 422),
            (b'{"input_data": []}', 422), (b'{"input_data": [1]}', 422), (b'{"input_data": [" "]}', 422),
            (json.dumps({"input_data": ["x"] * 1001}).encode(), 422),
        ):
            with self.assertRaises(Refused) as caught:
                self.service.predict(post(body))
            self.assertEqual(caught.exception.status, status, body[:40])


class Serving(unittest.TestCase):
    """The whole program on a free port."""

    def setUp(self):
        self.process = subprocess.Popen(
            [sys.executable, "-B", os.path.join(main.HERE, "main.py")],
            env={**os.environ, "HOST": "127.0.0.1", "PORT": "0"}, stderr=subprocess.PIPE, text=True,
        )
        self.addCleanup(self.end)
        for line in self.process.stderr:
            if line.startswith("listening on "):
                break
        self.client = http.client.HTTPConnection("127.0.0.1", int(line.rsplit(":", 1)[1]), timeout=10)
        self.addCleanup(self.client.close)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()

    def ask(self, method, path, body=None, headers={}):
        self.client.request(method, path, body, headers)
        response = self.client.getresponse()
        return response.status, response.read()

    def test_one_connection_serves_good_and_bad_requests(self):
        self.client.connect()
        connection = self.client.sock
        for method, path, body, status in (
            ("GET", "/health", None, 200), ("GET", "/info?x=1", None, 200), ("HEAD", "/health", None, 200),
            ("GET", "/predict", None, 405), ("GET", "/nothing", None, 404), ("POST", "/predict", b"{", 400),
            ("POST", "/predict", b"{}", 422), ("POST", "/predict", b'{"input_data": "\\ud800"}', 200),
            ("POST", "/predict", iter([b'{"input_data": ', b'["very nice"]}']), 200),  # chunked
        ):
            got, answer = self.ask(method, path, body)
            self.assertEqual(got, status, (method, path, answer))
            if method != "HEAD":
                self.assertEqual("error" in json.loads(answer), status >= 400)
        self.assertIs(self.client.sock, connection)

    def test_a_body_that_is_too_large_is_refused_unread(self):
        status, answer = self.ask("POST", "/predict", None, {"Content-Length": str(1 << 40)})
        self.assertEqual(status, 413, answer)

    def test_sigterm_stops_it_though_a_connection_is_open(self):
        self.ask("GET", "/health")
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(10), 0)
        self.assertLess(time.monotonic() - began, 3)


if __name__ == "__main__":
    unittest.main()
