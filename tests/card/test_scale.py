"""What the card says of the scale of returns."""

from builder.card.scale import scale_sentence
from builder.manifest.scores import ReferenceScores


def test_the_ends_of_the_scale_and_their_source_are_said():
    said = scale_sentence(ReferenceScores(-280.178953, 12135.0, "d4rl/infos.py"))
    assert said == (
        "*Normalised*: 100 × (return + 280.18) / (12,135.00 + 280.18), so that random actions reach 0 and"
        " the expert 100. Source of both: d4rl/infos.py."
    )


def test_a_source_is_a_stranger_s_text():
    said = scale_sentence(ReferenceScores(0.0, 1.0, "[me](https://x) <b>"))
    assert "`[me](https://x)` `<b>`" in said
