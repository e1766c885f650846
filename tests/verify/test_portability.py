"""What is promised of equal bytes on this machine."""

import pytest
from verification import check

from builder.manifest.provenance import cpu_level


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F"),
        ("NPY_DISABLE_CPU_FEATURES", "AVX512_ICL X86_V4 X86_V3"),
    ],
)
def test_what_is_not_promised_without_fma_is_said(folder, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    cpu_level.cache_clear()
    try:
        (note,) = check(folder, "files").notes
    finally:
        cpu_level.cache_clear()
    assert note.startswith("equal bytes of Acrobot-v1 are promised from x86-64-v3 on")
