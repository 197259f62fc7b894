"""blob-detect: finds the objects in a PNG image and answers their boxes, areas and centroids."""

import base64
import binascii
import time
from email.parser import BytesParser
from email.policy import HTTP

import blobs
import png
from server import Refused, serve

MAX_IMAGES = 16

INFO = {
    "name": "blob-detect",
    "version": "1.0",
    "algorithm": "3x3 mean, Otsu's threshold, 8-connected components",
    "input": {
        "application/json": {"input_data": "a PNG image in base64, or a list of them",
                             "min_area": "pixels, 20 when absent", "polarity": "auto, light or dark"},
        "image/png": "the image itself; min_area and polarity in the query",
        "multipart/form-data": "one or more files; min_area and polarity in the query or as fields",
    },
    "output": {"predictions": "per image: width, height, threshold, polarity, count, objects"},
}


def predict(request):
    images, options = _read(request)
    min_area = _min_area(options.get("min_area", 20))
    polarity = options.get("polarity", "auto")
    if polarity not in ("auto", "light", "dark"):
        raise Refused(422, "polarity must be auto, light or dark")
    if not 1 <= len(images) <= MAX_IMAGES:
        raise Refused(422, f"send 1 to {MAX_IMAGES} images at once")
    return {"predictions": [_detect(i, data, min_area, polarity) for i, data in enumerate(images)]}


def _detect(i, data, min_area, polarity):
    started = time.perf_counter()
    try:
        image = png.decode(data)
    except png.PNGError as fault:
        raise Refused(422, f"image {i}: {fault}") from None
    objects, threshold, polarity = blobs.find(image.rows, polarity, min_area)
    return {
        "width": image.width,
        "height": image.height,
        "threshold": threshold,
        "polarity": polarity,
        "count": len(objects),
        "objects": objects,
        "took_ms": round((time.perf_counter() - started) * 1000, 1),
    }


def _read(request):
    """Returns (list of PNG bytes, options) from a JSON, PNG or multipart body."""
    content_type = request.headers.get("Content-Type") or ""
    kind = content_type.split(";")[0].strip().lower()
    if kind == "image/png" or request.body.startswith(png.SIGNATURE):
        return [request.body], request.query
    if kind == "multipart/form-data":
        return _read_multipart(content_type, request)
    document = request.json()
    images = document.get("input_data")
    if isinstance(images, str):
        images = [images]
    if not isinstance(images, list):
        raise Refused(422, "input_data must be a PNG image in base64, or a list of them; "
                           "an image itself is taken, too, as image/png or multipart/form-data")
    return [_base64(i, image) for i, image in enumerate(images)], {**request.query, **document}


def _read_multipart(content_type, request):
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + content_type.encode("latin-1", "replace") + b"\r\n\r\n" + request.body
    )
    if not message.is_multipart():
        raise Refused(400, "the multipart body is broken")
    images, options = [], dict(request.query)
    for part in message.iter_parts():
        content = part.get_payload(decode=True) or b""
        if part.get_filename() is not None:
            images.append(content)
        elif name := part.get_param("name", header="content-disposition"):
            options[name] = content.decode("utf-8", "replace").strip()
    return images, options


def _base64(i, text):
    if not isinstance(text, str):
        raise Refused(422, f"input_data[{i}] must be a string")
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(422, f"input_data[{i}] is not base64") from None


def _min_area(value):
    try:
        if isinstance(value, bool) or int(value) != float(value) or int(value) < 1:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise Refused(422, "min_area must be a whole number of pixels, 1 or more") from None
    return int(value)


def main():
    serve({
        ("POST", "/predict"): predict,
        ("GET", "/health"): lambda _: {"status": "ok"},
        ("GET", "/info"): lambda _: INFO,
    })


if __name__ == "__main__":
    main()
