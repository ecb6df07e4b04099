"""Pykka actors that run on an asyncio event loop instead of a thread each.

``LoopActor`` fills the three hooks that Pykka has for new kinds of actors (`_create_actor_inbox`,
`_create_future`, `_start_actor_loop`); everything else is Pykka's: references, proxies, registry,
life cycle, log messages. Start one inside a running loop, or say which: ``Pulse.bind(loop).start()``.

A handler runs on the loop: it never blocks and never awaits. Different from Pykka's threads:

- ``await ref.ask(message, block=False)`` suspends the caller alone; waiting *blockingly* on a
  thread that runs a loop raises ``WouldBlockLoop``. An assignment through a proxy waits, so there
  it is ``await ref.ask(ProxySetAttr(("name",), value), block=False)``.
- ``asyncio.CancelledError`` out of a handler is a failure of that actor (``on_failure``) and of no
  other. Its asker gets an ``ActorDeadError`` caused by it: the error itself would pass for the
  cancellation of the asker's own task.
- A mailbox holds `mailbox_capacity` messages, then its senders get ``MailboxFull``.
- When the loop is closed under a living actor, its senders get ``LoopClosed``.
"""

import asyncio
import logging
import sys
from typing import Any, ClassVar, Self, TypeVar

import pykka
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from engine.runtime.lazy_event import LazyEvent
from engine.runtime.loop_future import LoopFuture, WouldBlockLoop
from engine.runtime.mailbox import LoopClosed, Mailbox, MailboxFull
from engine.runtime.scheduler import scheduler_of

__all__ = [
    "LoopActor",
    "LoopClosed",
    "LoopFuture",
    "MailboxFull",
    "NoLoop",
    "WouldBlockLoop",
    "mailbox_depth",
]

logger = logging.getLogger("pykka")


class NoLoop(RuntimeError):
    """An actor was started where no event loop runs, without being bound to one."""


A = TypeVar("A", bound="LoopActor")


class LoopActorRef(pykka.ActorRef[A]):
    """A reference whose `tell` leaves it to the mailbox to know that the actor is dead."""

    def __init__(self, actor: A) -> None:
        super().__init__(actor)
        self._put = actor._mailbox.put

    def tell(self, message: Any) -> None:
        """Send without waiting for a response. Never blocks.

        Raises:
            pykka.ActorDeadError: the actor is not alive (``LoopClosed``: nor is its loop).
            MailboxFull: too many messages wait.
        """
        self._put(Envelope(message))


class LoopActor(pykka.Actor):
    """An actor whose messages are handled on an event loop, in order, a slice at a time."""

    mailbox_capacity: ClassVar[int] = 10_000
    """Messages that may wait; one more raises ``MailboxFull`` in its sender. A stop always fits."""

    messages_per_turn: ClassVar[int] = 64
    """Messages handled before the other actors of the loop have their turn."""

    _bound_loop: ClassVar[asyncio.AbstractEventLoop | None] = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        assert isinstance(self.actor_inbox, Mailbox)
        self._mailbox = self.actor_inbox
        self.actor_stopped = LazyEvent()  # Before the reference, which takes it over.
        self._actor_ref = LoopActorRef(self)
        self._started = False

    @classmethod
    def bind(cls, loop: asyncio.AbstractEventLoop) -> type[Self]:
        """This class with its actors on `loop`, so that any thread can start them.

        Returns a new subclass of the same name: bind once and start many.
        """
        names = {"_bound_loop": loop, "__module__": cls.__module__, "__qualname__": cls.__qualname__}
        return type(cls.__name__, (cls,), names)

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> "pykka.ActorRef[Self]":
        """Start an actor on the bound loop, or on the one that is running.

        Raises:
            NoLoop: there is neither.
            LoopClosed: the bound loop is closed.
        """
        cls._loop_to_run_on()  # Before anything is made or registered.
        return super().start(*args, **kwargs)

    @classmethod
    def _loop_to_run_on(cls) -> asyncio.AbstractEventLoop:
        loop = cls._bound_loop or asyncio._get_running_loop()
        if loop is None:
            raise NoLoop(
                f"{cls.__name__} runs on an event loop and none is running here: start it inside one, "
                f"or say which by {cls.__name__}.bind(loop).start()"
            )
        if loop.is_closed():
            raise LoopClosed(f"{cls.__name__} is bound to an event loop that is closed")
        return loop

    @classmethod
    def _create_actor_inbox(cls) -> Mailbox:
        return Mailbox(cls.mailbox_capacity)

    @staticmethod
    def _create_future() -> LoopFuture[Any]:
        return LoopFuture()

    def _start_actor_loop(self) -> None:
        self._mailbox.open(self._actor_ref, scheduler_of(self._loop_to_run_on()), self._take_turn)

    def _take_turn(self) -> int:
        """Handle up to `messages_per_turn` messages on the loop; returns how many that were."""
        mailbox = self._mailbox
        waiting = mailbox.waiting
        handled = 0
        alive = True
        try:
            if not self._started:
                alive = self._first_turn()
            while alive and waiting and handled < self.messages_per_turn:
                envelope = waiting.popleft()
                message = envelope.message
                handled += 1
                try:
                    # Pykka's own messages are tuples, and only by one of them an actor stops.
                    if isinstance(message, tuple):
                        response = self._handle_receive(message)
                        alive = not self.actor_stopped.is_set()
                    else:
                        response = self.on_receive(message)
                except BaseException as error:  # noqa: BLE001 - whatever it is, it ends here or in _fail
                    alive = False
                    alive = self._fail(envelope, error)
                else:
                    if envelope.reply_to is not None:
                        envelope.reply_to.set(response)
        finally:
            if alive:
                mailbox.end_turn()
            else:
                mailbox.close()
        return handled

    def _first_turn(self) -> bool:
        """Run `on_start`; returns whether the actor is alive after it."""
        self._started = True
        try:
            self._actor_loop_setup()
        except asyncio.CancelledError:
            self._handle_failure(*sys.exc_info())
        return not self.actor_stopped.is_set()

    def _fail(self, envelope: Envelope[Any], error: BaseException) -> bool:
        """Report the `error` being handled, which a handler raised, to its asker; returns whether the actor is alive."""
        reply_to = envelope.reply_to
        if isinstance(error, Exception):
            if reply_to is None:
                self._die()
            else:
                logger.info("Exception returned from %s to caller:", self, exc_info=error)
                reply_to.set_exception()
            return not self.actor_stopped.is_set()
        if isinstance(error, asyncio.CancelledError):
            if isinstance(envelope.message, _ActorStop):  # It came from on_stop: stopped all the same.
                self._handle_failure(*sys.exc_info())
                if reply_to is not None:
                    reply_to.set(None)
                return False
            self._die()
        else:
            logger.debug(f"{error!r} in {self}. Stopping all actors.")
            self._stop()
            pykka.ActorRegistry.stop_all(block=False)
        if reply_to is not None:
            dead = pykka.ActorDeadError(f"{self} died of {error!r} while handling the message")
            dead.__cause__ = error
            reply_to.set_exception((pykka.ActorDeadError, dead, None))
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise error  # The loop ends by these, as by any other callback of it.
        return False

    def _die(self) -> None:
        """Stop the actor because of the exception being handled."""
        self._handle_failure(*sys.exc_info())
        try:
            self.on_failure(*sys.exc_info())
        except (Exception, asyncio.CancelledError):  # noqa: BLE001 - logged, and the actor ends anyway
            self._handle_failure(*sys.exc_info())


def mailbox_depth(ref: "pykka.ActorRef[Any]") -> int:
    """How many messages wait for the loop actor `ref`."""
    inbox = ref.actor_inbox
    assert isinstance(inbox, Mailbox)
    return len(inbox)
