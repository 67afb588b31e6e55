"""What users read when something fails."""

from __future__ import annotations

from enhance.errors import describe_status


def test_what_became_of_a_program() -> None:
    assert describe_status(1) == "failed with status 1"
    assert describe_status(-11) == "was killed by SIGSEGV"
    assert describe_status(-200) == "was killed by signal 200"
