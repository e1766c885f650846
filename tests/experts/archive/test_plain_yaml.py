"""YAML and literals, read without making anything of them."""

import pytest
from sweeps import case, sweep

from builder.errors import ArchiveError, UnsafeArchiveError
from builder.experts.archive.plain_yaml import read_literal, read_yaml
from builder.experts.sources.zoo_files import read_companions


@sweep("name", ["config.yml", "args.yml", "env_kwargs.yml"])
@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch {marker}']",
        "!!python/object/new:subprocess.Popen [['touch', '{marker}']]",
        "!!python/name:os.system",
        "!!python/module:os",
        "!!python/object:collections.OrderedDict {{}}",
    ],
)
def test_yaml_that_would_run_code_is_refused_and_not_run(tmp_path, name, tag):
    marker = tmp_path / "marker"
    (tmp_path / "agent.zip").touch()
    (tmp_path / name).write_text("env_kwargs: " + tag.format(marker=marker))
    with pytest.raises(UnsafeArchiveError, match=rf"{name}: the tag !!python/"):
        read_companions(tmp_path / "agent.zip")
    assert not marker.exists()


DAMAGED = [
    "a: [1",
    "- 1",
    "just text",
    "1: 2",
    "a: !mine 3",
    "a: &x [*x]",
    "x: &x {a: 1}\ny: {<<: *x}",
    "a: 2021-99-99",
    "a: 2021-09-09",
    "a: !!binary AAAA",
    "[" * 5000,
    "a: " + "9" * 5000,
    "a: &a [1,1,1,1]\n" + "".join(f"{x}: &{x} [{f'*{y},' * 10}]\n" for x, y in ("ba", "cb", "dc", "ed")),
    "a: " + "x" * 70_000,
    "!!python/object/apply:collections.OrderedDict [[[[], 1]]]",
    "\x00",
]


def test_damaged_yaml_is_refused():
    for text in DAMAGED:
        with case(text), pytest.raises(ArchiveError, match="config"):
            read_yaml(text.encode(), "config.yml")


NO_LITERALS = [
    "os.system('x')",
    "dict(a=open('x'))",
    "dict(**{})",
    "dict([1])",
    "[1]",
    "{1: 2}",
    "(" * 999,
    "{'a': 1",
    "",
]


def test_text_that_is_no_dict_of_literals_is_refused():
    for text in NO_LITERALS:
        with case(text), pytest.raises(ArchiveError, match="not a dict of literals"):
            read_literal(text, "x")
