"""text-classify: says whether a customer's sentence, Chinese or English, is a complaint, a question, praise or an order."""

import os
import time

from model import Classifier, read_rows
from server import Refused, log, serve

HERE = os.path.dirname(os.path.abspath(__file__))
MAX_TEXTS = 1000


class Service:
    """The trained classifier and what is known about it."""

    def __init__(self):
        started = time.monotonic()
        train = read_rows(os.path.join(HERE, "data", "train.tsv"))
        heldout = read_rows(os.path.join(HERE, "data", "heldout.tsv"))
        self.model = Classifier().fit(train)
        self.info = {
            "name": "text-classify",
            "version": "1.0",
            "algorithm": "logistic regression over words and character n-grams",
            "labels": self.model.labels,
            "features": self.model.size,
            "training_sentences": len(train),
            "heldout_sentences": len(heldout),
            "heldout_accuracy": round(self.model.accuracy(heldout), 4),
            "input": {"input_data": "a list of sentences, or one sentence"},
            "output": {"predictions": "per sentence: label, probability, probabilities"},
        }
        log(f"trained on {len(train)} sentences in {time.monotonic() - started:.2f} s, "
            f"held-out accuracy {self.info['heldout_accuracy']:.1%}")

    def predict(self, request):
        texts = request.json().get("input_data")
        if isinstance(texts, str):
            texts = [texts]
        if not isinstance(texts, list) or not texts:
            raise Refused(422, 'input_data must be a list of sentences, for example {"input_data": ["很好用"]}')
        if len(texts) > MAX_TEXTS:
            raise Refused(422, f"at most {MAX_TEXTS} sentences at once")
        return {"predictions": [self._one(i, text) for i, text in enumerate(texts)]}

    def _one(self, i, text):
        if not isinstance(text, str) or not text.strip():
            raise Refused(422, f"input_data[{i}] must be a sentence that is not empty")
        scores = self.model.probabilities(text)
        label = max(scores, key=scores.get)
        return {
            "text": text,
            "label": label,
            "probability": round(scores[label], 4),
            "probabilities": {name: round(p, 4) for name, p in scores.items()},
        }


def main():
    service = Service()
    serve({
        ("POST", "/predict"): service.predict,
        ("GET", "/health"): lambda _: {"status": "ok"},
        ("GET", "/info"): lambda _: service.info,
    })


if __name__ == "__main__":
    main()
