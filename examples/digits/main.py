"""digits: reads a handwritten digit from an 8x8 image, with FastAPI and scikit-learn."""

import os
from typing import Annotated

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

PIXELS = 64  # eight rows of eight, 0 white to 16 black, as in the UCI handwritten digits

Pixel = Annotated[float, Field(ge=0, le=16)]
Image = Annotated[list[Pixel], Field(min_length=PIXELS, max_length=PIXELS)]


class Question(BaseModel):
    input_data: Annotated[list[Image], Field(min_length=1, max_length=1000)]


class Prediction(BaseModel):
    digit: int
    probability: float
    probabilities: list[float]


class Answer(BaseModel):
    predictions: list[Prediction]


def train():
    """Returns (classifier, images trained on, images held out, held-out accuracy), the same at every start."""
    digits = load_digits()
    known, held, answers, held_answers = train_test_split(
        digits.data, digits.target, test_size=0.25, random_state=1, stratify=digits.target
    )
    model = KNeighborsClassifier(n_neighbors=5, weights="distance").fit(known, answers)
    return model, len(known), len(held), float(model.score(held, held_answers))


model, trained, heldout, accuracy = train()
app = FastAPI(title="digits", version="1.0")


@app.post("/predict")
def predict(question: Question) -> Answer:
    predictions = []
    for scores in model.predict_proba(question.input_data):
        digit = int(scores.argmax())
        predictions.append(
            Prediction(
                digit=digit,
                probability=round(float(scores[digit]), 4),
                probabilities=[round(float(score), 4) for score in scores],
            )
        )
    return Answer(predictions=predictions)


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/info")
def info() -> dict[str, str | int | float]:
    return {
        "name": "digits",
        "version": "1.0",
        "algorithm": "five nearest neighbours, weighed by distance",
        "training_images": trained,
        "heldout_images": heldout,
        "heldout_accuracy": round(accuracy, 4),
        "input": "input_data: a list of images, each 64 numbers from 0 (white) to 16 (black), row by row",
        "output": "predictions: per image digit, probability, probabilities",
    }


if __name__ == "__main__":
    uvicorn.run(
        app,
        host=os.environ.get("HOST", "127.0.0.1"),
        port=int(os.environ.get("PORT", "8000")),
        access_log=False,
        timeout_keep_alive=120,
    )
