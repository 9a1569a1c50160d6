"""What every platform, sink and credential source promises, as checks to run over your own.

A check is called, and raises :class:`ConformanceError` with what is wrong. With pytest::

    @pytest.mark.parametrize("check", conformance.platform_checks("mychat", FRAMES), ids=str)
    def test_mychat(check: conformance.Check) -> None:
        check()

Random damage follows a seed, which an error names; ``GATEWAY_CONFORMANCE_SEED`` repeats it.
"""

from gateway.testing.conformance.checks import Check, ConformanceError
from gateway.testing.conformance.credentials import credential_checks
from gateway.testing.conformance.folder import frames_beside
from gateway.testing.conformance.platforms import platform_checks
from gateway.testing.conformance.sinks import sink_checks

__all__ = [
    "Check",
    "ConformanceError",
    "credential_checks",
    "frames_beside",
    "platform_checks",
    "sink_checks",
]
