"""Logistic regression over words and character n-grams, for Chinese and English sentences.

Run it (`python model.py`) to see how the constants below were chosen.
"""

import math
import random
import re
import unicodedata

# Chosen by five-fold cross-validation on data/train.tsv, never on the held-out file (see main).
# More epochs gain nothing in accuracy and make the start slower.
EPOCHS = 10
RATE = 2.0

# One run of Chinese characters, one Latin word (with its apostrophe), a number, or one mark that carries meaning.
_TOKEN = re.compile(r"[\u3400-\u9fff]+|[a-z]+(?:'[a-z]+)?|[0-9]+|[?!]")


def features(text):
    """Returns the set of features of one sentence: words, word pairs and character n-grams."""
    # NFKC turns full-width marks and letters into the plain ones, so that ？ and ? are one feature.
    tokens = _TOKEN.findall(unicodedata.normalize("NFKC", text).lower())
    found = set()
    previous = "^"
    for token in tokens:
        if token[0] >= "\u3400":
            found.update(_ngrams(token, 1, 3))
            previous = "^"
            continue
        found.add("w:" + token)
        found.add("p:" + previous + " " + token)
        if len(token) > 4:
            found.update(_ngrams("<" + token + ">", 4, 4))
        previous = token
    return found


def _ngrams(run, shortest, longest):
    for n in range(shortest, longest + 1):
        for i in range(len(run) - n + 1):
            yield run[i : i + n]


class Classifier:
    """Multinomial logistic regression, trained by stochastic gradient descent.

    A sentence's features weigh 1/sqrt(how many there are), so that long sentences do not shout. Training visits
    the sentences in a seeded order: the same data always gives the same model.
    """

    def __init__(self, epochs=EPOCHS, rate=RATE):
        self.epochs = epochs
        self.rate = rate
        self.labels = []
        self._bias = []
        self._weights = {}

    def fit(self, rows):
        """Learns from (label, sentence) pairs and returns the classifier."""
        self.labels = sorted({label for label, _ in rows})
        self._bias = [0.0] * len(self.labels)
        self._weights = {}
        examples = [(self.labels.index(label), features(text)) for label, text in rows]
        order = random.Random(1)
        for epoch in range(self.epochs):
            order.shuffle(examples)
            for answer, found in examples:
                self._step(answer, found, self.rate / (1 + 0.1 * epoch))
        return self

    def _step(self, answer, found, rate):
        scale = 1 / math.sqrt(len(found) or 1)
        gradient = [
            rate * (p - (i == answer)) for i, p in enumerate(self._softmax(found))
        ]
        for i, g in enumerate(gradient):
            self._bias[i] -= 0.1 * g
        for feature in found:
            weights = self._weights.setdefault(feature, [0.0] * len(self.labels))
            for i, g in enumerate(gradient):
                weights[i] -= scale * g

    def _softmax(self, found):
        scale = 1 / math.sqrt(len(found) or 1)
        scores = list(self._bias)
        for feature in found:
            for i, weight in enumerate(self._weights.get(feature, ())):
                scores[i] += scale * weight
        top = max(scores)
        exps = [math.exp(score - top) for score in scores]
        total = sum(exps)
        return [e / total for e in exps]

    @property
    def size(self):
        """How many features the classifier knows."""
        return len(self._weights)

    def probabilities(self, text):
        """Returns {label: probability}; they add up to one. Features never seen in training count for nothing."""
        return dict(zip(self.labels, self._softmax(features(text))))

    def predict(self, text):
        """Returns the most likely label."""
        scores = self.probabilities(text)
        return max(self.labels, key=scores.__getitem__)

    def accuracy(self, rows):
        """Returns the share of (label, sentence) pairs that are predicted right, 0 to 1."""
        return sum(self.predict(text) == label for label, text in rows) / len(rows)


def read_rows(path):
    """Reads label<TAB>sentence lines."""
    with open(path, encoding="utf-8") as lines:
        return [
            tuple(line.rstrip("\n").split("\t", 1)) for line in lines if line.strip()
        ]


def cross_validate(rows, epochs, rate, folds=5):
    """Returns (accuracy, mean log loss); fold k holds out every row whose number is k modulo folds."""
    right, loss = 0, 0.0
    for k in range(folds):
        model = Classifier(epochs, rate).fit(
            [row for i, row in enumerate(rows) if i % folds != k]
        )
        for label, text in rows[k::folds]:
            scores = model.probabilities(text)
            right += max(scores, key=scores.get) == label
            loss -= math.log(max(scores[label], 1e-12))
    return right / len(rows), loss / len(rows)


def main():
    rows = read_rows("data/train.tsv")
    print("epochs  rate  accuracy  log loss")
    for epochs in (5, 10, 20, 40):
        for rate in (0.5, 1.0, 2.0):
            accuracy, loss = cross_validate(rows, epochs, rate)
            print(f"{epochs:6}  {rate:4}  {accuracy:8.3f}  {loss:8.3f}")


if __name__ == "__main__":
    main()
