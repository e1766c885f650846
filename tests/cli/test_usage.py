"""What --help says first."""

from builder.cli.main import _choices
from builder.cli.usage import usage
from builder.cli.verbs import VERBS
from builder.exchange.formats import FORMATS


def test_help_names_every_verb_that_does_something():
    text = usage("build", {name: verb.about for name, verb in VERBS.items()}, {})
    assert {name for name in VERBS if f"\n  {name} " in text} == {*VERBS} - {"version"}


def test_help_of_a_verb_lists_what_its_telling_key_can_be():
    text = usage("export", {}, {"to=d4rl": "a file", "to=il-datasets": "a folder"})
    assert "\n  to=d4rl         a file\n  to=il-datasets  a folder\n" in text


def test_help_of_an_export_lists_every_format_with_its_options():
    listed = _choices("export")
    assert [*listed] == [f"to={name}" for name, entry in FORMATS.items() if entry.write]
    assert "to.fps=30" in listed["to=lerobot"]
    assert [*_choices("import")] == [f"from={name}" for name in FORMATS]
