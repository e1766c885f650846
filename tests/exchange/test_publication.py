"""Where the files of an export lie in a repository."""

from builder.exchange.publication import Publication


def test_a_file_lies_at_the_root_or_in_the_folder_of_the_export():
    assert Publication("x", "").place("data/a") == "data/a"
    assert Publication("x", "", within="b/c").place("data/a") == "b/c/data/a"
