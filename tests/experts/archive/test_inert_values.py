"""Plain values out of a recorded pickle."""

from collections import OrderedDict

import yaml

from builder.experts.archive.plain_yaml import read_yaml


def test_python_containers_become_plain_ones():
    text = yaml.dump({"a": (1, 2), "b": OrderedDict(c=[True, None]), "d": {"e": "f"}})
    assert "!!python/tuple" in text
    assert read_yaml(text.encode(), "x") == {"a": [1, 2], "b": {"c": [True, None]}, "d": {"e": "f"}}
