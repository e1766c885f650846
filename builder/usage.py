"""What `--help` says before Hydra lists the keys."""

from __future__ import annotations

VERBS = {
    "build": "an expert's episodes become a dataset folder: expert= env.id= episodes= seed= threshold= out=",
    "verify": "a dataset proves itself: out= or hub.repo_id=, level=files|replay|rebuild, sample=0.1",
    "push": "publish a dataset folder on the Hub: out= hub.repo_id=",
    "pull": "bring one from the Hub: hub.repo_id= out=",
    "experts": "the experts that have a name; name=X shows one, save=FOLDER keeps its weights",
    "clean": "remove what was played for the dataset `out`, and is kept so that it can grow",
}
"""What each verb does, and its most important keys."""


def usage(verb: str) -> str:
    """How the command line is used."""
    lines = [f"  {name:8} {about}" for name, about in VERBS.items()]
    return "\n".join(
        [
            "il-builder [VERB] [KEY=VALUE ...]   without a verb: build",
            "",
            *lines,
            "",
            "-m makes a build for each of several values, KEY=A,B; --cfg job shows the configuration.",
            f"The README says what the keys mean. Those of {verb}, with their defaults:",
            "",
        ]
    )
