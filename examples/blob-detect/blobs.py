"""Finds objects in a gray image: smoothing, Otsu's threshold, connected components over runs."""


def smooth(image_rows):
    """Returns the rows after a 3x3 mean, which takes the speckle out; the border repeats itself."""
    thirds = []
    for row in image_rows:
        padded = row[:1] + row + row[-1:]
        thirds.append([a + b + c for a, b, c in zip(padded, padded[1:], padded[2:])])
    padded = thirds[:1] + thirds + thirds[-1:]
    return [
        bytes((a + b + c) // 9 for a, b, c in zip(*three))
        for three in zip(padded, padded[1:], padded[2:])
    ]


def otsu(rows):
    """Returns the gray level that splits the image best: levels above it are the light class.

    It maximises the variance between the two classes (Otsu: A threshold selection method from gray-level
    histograms, 1979). An image of a single level has no split; then the result is None.
    """
    histogram = [0] * 256
    for row in rows:
        for level in set(row):
            histogram[level] += row.count(level)
    total = sum(histogram)
    total_sum = sum(level * count for level, count in enumerate(histogram))
    best, best_variance = None, 0.0
    dark, dark_sum = 0, 0
    for level, count in enumerate(histogram):
        dark += count
        dark_sum += level * count
        light = total - dark
        if dark == 0 or light == 0:
            continue
        distance = dark_sum / dark - (total_sum - dark_sum) / light
        variance = dark * light * distance * distance
        if variance > best_variance:
            best, best_variance = level, variance
    return best


def find(rows, polarity="auto", min_area=20):
    """Returns (objects, threshold, polarity); objects are dicts with box, area and centroid, largest first.

    `polarity` says whether the objects are "light" or "dark"; "auto" takes the class with fewer pixels on the
    image's border, since a background reaches the border and most objects do not.
    """
    smoothed = smooth(rows)
    threshold = otsu(smoothed)
    if threshold is None:
        return [], None, polarity
    if polarity == "auto":
        polarity = _guess_polarity(smoothed, threshold)
    light = polarity == "light"
    table = bytes((level > threshold) == light for level in range(256))
    mask = [row.translate(table) for row in smoothed]
    objects = [o.describe() for o in _components(mask) if o.area >= min_area]
    objects.sort(key=lambda o: (-o["area"], o["box"]["y"], o["box"]["x"]))
    return objects, threshold, polarity


def _guess_polarity(rows, threshold):
    border = rows[0] + rows[-1] + bytes(row[0] for row in rows) + bytes(row[-1] for row in rows)
    light = sum(level > threshold for level in border)
    return "light" if 2 * light < len(border) else "dark"


class _Object:
    """The sums over an object's pixels."""

    def __init__(self):
        self.area = self.sum_x = self.sum_y = 0
        self.left = self.top = float("inf")
        self.right = self.bottom = -1

    def add_run(self, y, start, end):
        """Adds the pixels start <= x < end of row y."""
        length = end - start
        self.area += length
        self.sum_x += (start + end - 1) * length / 2
        self.sum_y += y * length
        self.left, self.right = min(self.left, start), max(self.right, end - 1)
        self.top, self.bottom = min(self.top, y), max(self.bottom, y)

    def describe(self):
        return {
            "box": {
                "x": self.left,
                "y": self.top,
                "width": self.right - self.left + 1,
                "height": self.bottom - self.top + 1,
            },
            "area": self.area,
            "centroid": {"x": round(self.sum_x / self.area, 2), "y": round(self.sum_y / self.area, 2)},
        }


def _components(mask):
    """Yields the 8-connected objects of a mask of rows of 0 and 1: runs that touch are joined by union-find."""
    runs, parents = [], []

    def root(i):
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    above = []
    for y, row in enumerate(mask):
        current = []
        for start, end in _runs(row):
            i = len(runs)
            runs.append((y, start, end))
            parents.append(i)
            current.append(i)
            for j in above:
                if runs[j][1] <= end and start <= runs[j][2]:  # diagonal neighbours touch
                    parents[root(j)] = root(i)
        above = current
    objects = {}
    for i, run in enumerate(runs):
        objects.setdefault(root(i), _Object()).add_run(*run)
    return objects.values()


def _runs(row):
    end = 0
    while (start := row.find(1, end)) >= 0:
        end = row.find(0, start)
        if end < 0:
            end = len(row)
        yield start, end
