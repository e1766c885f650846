import numpy as np

from builder.show.captions import captioned, told


def test_a_caption_changes_a_strip_at_the_top_and_nothing_else():
    image = np.full((100, 200, 3), 128, np.uint8)
    found = captioned(image, "step 3")
    assert (found.shape, found.dtype) == (image.shape, np.uint8)
    assert (found[20:] == 128).all()
    assert found[:13].max() > 200  # ink
    assert np.median(found[:13]) < 80  # shade


def test_a_caption_on_a_tiny_frame_is_cut_off():
    assert captioned(np.zeros((4, 5, 3), np.uint8), "step 3   return 17").shape == (4, 5, 3)


def test_steps_and_returns_are_told_without_noise():
    assert told(1200, 0.1 + 0.2) == "step 1,200   return 0.3"
