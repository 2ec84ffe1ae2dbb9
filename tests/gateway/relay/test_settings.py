from gateway.relay.settings import RelayCounters, RelayLimits, RelayTimeouts


def test_each_component_counts_for_itself() -> None:
    one, other = RelayCounters(), RelayCounters()
    one.answers[2] += 1
    assert other.answers == [0] * 6


def test_what_is_not_configured_is_bounded_all_the_same() -> None:
    limits, timeouts = RelayLimits(), RelayTimeouts()
    assert min(limits.request_line_bytes, limits.header_bytes, limits.headers) > 0
    assert limits.token_bytes == 0
    assert 0 < timeouts.connect_s < timeouts.header_s < timeouts.read_s < timeouts.idle_s < float("inf")
