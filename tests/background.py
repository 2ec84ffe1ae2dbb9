"""A loop in a thread: what a plain test needs of asyncio goes on there while the test looks on."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

T = TypeVar("T")

_PATIENCE_S = 60


class Background:
    """The loop. What was entered is left, last first, when the test is over."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._stack = contextlib.AsyncExitStack()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` there and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)

    def enter(self, context: AbstractAsyncContextManager[T]) -> T:
        """Enter a context that stays open until the end."""
        return self.run(self._stack.enter_async_context(context))

    def leave(self) -> None:
        """Leave everything that was entered."""
        self.run(self._stack.aclose())


@contextlib.contextmanager
def background(new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop) -> Iterator[Background]:
    """A loop of its own, as long as the context is open."""
    loop = new_loop()
    thread = threading.Thread(target=loop.run_forever, name="background")
    thread.start()
    running = Background(loop)
    try:
        yield running
    finally:
        running.leave()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
