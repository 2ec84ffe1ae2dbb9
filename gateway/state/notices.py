"""What was said of other Peers in the log of this process, so that it is said again only when it changes."""

from certs.identity import PeerId

_MAX_KEPT = 10_000


class Notices:
    """The last text per topic and Peer. Nothing, "", is what is said of whom nothing was said yet."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, PeerId], str] = {}

    def is_new(self, topic: str, peer_id: PeerId, text: str) -> bool:
        """Whether `text` differs from what was said last; from here on it is what was said last."""
        key = (topic, peer_id)
        if self._said.pop(key, "") == text:
            if text:
                self._said[key] = text
            return False
        if text:
            while len(self._said) >= _MAX_KEPT:
                del self._said[next(iter(self._said))]
            self._said[key] = text
        return True
