"""What the tests of films share."""

import io

import numpy as np
from PIL import Image


def images(count, height=40, width=60):
    """Frames of one colour each."""
    return [np.full((height, width, 3), 40 + 20 * number, np.uint8) for number in range(count)]


def frames_of(path):
    """The frames of a film, whatever its kind, as uint8 [frames, height, width, 3]."""
    if path.suffix == ".mp4":
        import av

        with av.open(str(path)) as file:
            return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])
    with Image.open(io.BytesIO(path.read_bytes())) as file:
        found = []
        for number in range(getattr(file, "n_frames", 1)):
            file.seek(number)
            found.append(np.asarray(file.convert("RGB")))
        return np.stack(found)


def shown_for(path):
    """For how long an animation plays, in milliseconds."""
    with Image.open(path) as file:
        total = 0
        for number in range(file.n_frames):
            file.seek(number)
            file.load()
            total += file.info["duration"]
        return total
