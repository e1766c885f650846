"""The card of what was imported, from its inputs alone."""

from builder.card.imported import _origin, title

FILE = {"name": "a.hdf5", "sha256": "0" * 64, "size": 3}
IMPORTED = {"format": "d4rl", "files": [FILE], "unsaid": [], "optional": []}


def test_the_title_names_the_environment_where_it_is_known():
    assert title({"environment": {"id": "A-v0"}, "imported": IMPORTED}) == "`A-v0`: imported trajectories"
    assert title({"imported": IMPORTED}) == "Imported trajectories"


def test_what_the_source_does_not_name_is_said():
    assert _origin(IMPORTED, {}).count("not named by the source") == 2


def test_a_few_files_are_listed_and_the_others_counted():
    many = IMPORTED | {"files": [FILE] * 11}
    assert "3 more files" in _origin(many, {})


def test_strangers_text_is_text():
    told = IMPORTED | {"about": "<script>x</script>|[a](b)", "authors": ["`x`"], "policy": "a|b"}
    assert "\\|" in _origin(told, {})
