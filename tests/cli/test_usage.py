"""What --help says first."""

from builder.cli.usage import usage
from builder.cli.verbs import VERBS


def test_help_names_every_verb_that_does_something():
    text = usage("build", {name: verb.about for name, verb in VERBS.items()}, {})
    assert {name for name in VERBS if f"\n  {name} " in text} == {*VERBS} - {"version"}
