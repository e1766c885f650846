"""What --help says."""

from builder.cli.keys import Key
from builder.cli.main import _choices
from builder.cli.usage import overview, usage
from builder.cli.verbs import VERBS
from builder.exchange.formats import FORMATS


def test_help_names_every_verb_that_does_something():
    text = overview({name: verb.about for name, verb in VERBS.items()})
    assert {name for name in VERBS if f"\n  {name} " in text} == {*VERBS} - {"version"}


def test_help_of_a_verb_lists_its_keys_and_what_its_telling_key_can_be():
    text = usage(
        "export", "writes", [Key("split", "null", "one")], {"to=d4rl": "a file", "to=csv": "a table"}
    )
    assert "\n  to=d4rl  a file\n  to=csv   a table\n" in text
    assert "\n  split=null                        one\n" in text


def test_help_of_an_export_lists_every_format_with_its_options():
    listed = _choices("export")
    assert [*listed] == [f"to={name}" for name, entry in FORMATS.items() if entry.write]
    assert "to.fps=30" in listed["to=lerobot"]
    assert [*_choices("import")] == [f"from={name}" for name in FORMATS]


def test_only_what_can_be_parallel_lists_backends():
    assert _choices("push") == {}
    assert "parallel=loky" in _choices("verify")
