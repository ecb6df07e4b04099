from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import (
    TYPE_CHECKING,
    Any,
    cast,
)

import pytest

from engine.runtime.loop_actor import LoopActor, LoopFuture
from pykka import ActorRegistry, ThreadingActor, ThreadingFuture
from tests.runtime.pykka_suite.log_handler import PykkaTestLogHandler
from tests.runtime.pykka_suite.types import Events, Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pykka import Actor, Future


RUNTIMES = {
    "threading": pytest.param(
        Runtime(
            name="threading",
            actor_class=ThreadingActor,
            event_class=threading.Event,
            future_class=ThreadingFuture,
            sleep_func=time.sleep,
        ),
        id="threading",
    )
}


# Not run: they look for ThreadingActor's own threads, by name and daemon flag,
# and never use the runtime fixture. A loop actor has no thread.
THREAD_SPECIFIC = {
    "test_actor_thread_is_named_after_pykka_actor_class",
    "test_actor_thread_is_not_daemonic_by_default",
    "test_actor_thread_is_daemonic_if_use_daemon_thread_flag_is_set",
}


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    deselected = [item for item in items if item.name in THREAD_SPECIFIC]
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item.name not in THREAD_SPECIFIC]


@pytest.fixture(scope="session")
def loop_runtime() -> Iterator[Runtime]:
    # The tests block, so the loop that the actors live on runs in a thread.
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="actors-loop")
    thread.start()
    yield Runtime(
        name="loop",
        actor_class=LoopActor.bind(loop),
        event_class=threading.Event,
        future_class=LoopFuture,
        sleep_func=time.sleep,
    )
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="session", params=[*RUNTIMES.values(), "loop"])
def runtime(request: pytest.FixtureRequest) -> Runtime:
    if request.param == "loop":
        return cast("Runtime", request.getfixturevalue("loop_runtime"))
    return cast("Runtime", request.param)


@pytest.fixture
def _stop_all() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    # What other tests left behind on a loop that is closed would never answer.
    for left in ActorRegistry.get_all():
        ActorRegistry.unregister(left)
    yield
    ActorRegistry.stop_all()


@pytest.fixture
def log_handler() -> Iterator[logging.Handler]:
    log_handler = PykkaTestLogHandler()

    root_logger = logging.getLogger()
    root_logger.addHandler(log_handler)
    # pytest sets the root logger level to WARNING. We reset it to NOTSET
    # so that all log messages reaches our log handler.
    level = root_logger.level
    root_logger.setLevel(logging.NOTSET)

    yield log_handler

    root_logger.setLevel(level)
    root_logger.removeHandler(log_handler)
    log_handler.close()


@pytest.fixture
def events(runtime: Runtime) -> Events:
    return Events(
        on_start_was_called=runtime.event_class(),
        on_stop_was_called=runtime.event_class(),
        on_failure_was_called=runtime.event_class(),
        greetings_was_received=runtime.event_class(),
        actor_registered_before_on_start_was_called=runtime.event_class(),
    )


@pytest.fixture(scope="module")
def early_failing_actor_class(runtime: Runtime) -> type[Actor]:
    class EarlyFailingActor(runtime.actor_class):  # type: ignore[name-defined]
        def __init__(self, events: Events) -> None:
            super().__init__()
            self.events = events

        def on_start(self) -> None:
            try:
                raise RuntimeError("on_start failure")
            finally:
                self.events.on_start_was_called.set()

    return EarlyFailingActor


@pytest.fixture(scope="module")
def late_failing_actor_class(runtime: Runtime) -> type[Actor]:
    class LateFailingActor(runtime.actor_class):  # type: ignore[name-defined]
        def __init__(self, events: Events) -> None:
            super().__init__()
            self.events = events

        def on_start(self) -> None:
            self.stop()

        def on_stop(self) -> None:
            try:
                raise RuntimeError("on_stop failure")
            finally:
                self.events.on_stop_was_called.set()

    return LateFailingActor


@pytest.fixture(scope="module")
def failing_on_failure_actor_class(runtime: Runtime) -> type[Actor]:
    class FailingOnFailureActor(runtime.actor_class):  # type: ignore[name-defined]
        def __init__(self, events: Events) -> None:
            super().__init__()
            self.events = events

        def on_receive(self, message: Any) -> Any:
            if message.get("command") == "raise exception":
                raise Exception("on_receive failure")
            return super().on_receive(message)

        def on_failure(self, *args: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            try:
                raise RuntimeError("on_failure failure")
            finally:
                self.events.on_failure_was_called.set()

    return FailingOnFailureActor


@pytest.fixture
def future(runtime: Runtime) -> Future[Any]:
    return runtime.future_class()


@pytest.fixture
def futures(runtime: Runtime) -> list[Future[Any]]:
    return [runtime.future_class() for _ in range(3)]
