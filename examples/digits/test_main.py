"""Unit tests, in an environment with requirements.txt: python3 -m unittest discover -s examples/digits"""

import json
import os
import unittest

from pydantic import ValidationError

import main

SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "samples")


class Digits(unittest.TestCase):
    def test_heldout_accuracy(self):
        self.assertGreater(main.accuracy, 0.97)

    def test_samples(self):
        # Images from the held-out quarter, never trained on: the first of each digit.
        for name, want in (("two.json", [2]), ("row.json", list(range(10)))):
            with open(os.path.join(SAMPLES, name), encoding="utf-8") as file:
                answer = main.predict(main.Question(**json.load(file)))
            self.assertEqual([p.digit for p in answer.predictions], want)

    def test_bad_input_is_refused(self):
        for document in ({}, {"input_data": []}, {"input_data": [[1] * 63]}, {"input_data": [[17] + [0] * 63]},
                         {"input_data": [["x"] * 64]}, {"input_data": [None]}):
            with self.assertRaises(ValidationError):
                main.Question(**document)


if __name__ == "__main__":
    unittest.main()
