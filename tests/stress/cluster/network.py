"""What lies between people, servers and databases: wires on this machine, or network namespaces with links of their own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from typing import Protocol

from tests.postgres import free_port
from tests.stress.cluster.database import Place
from tests.stress.cluster.wire import Wire

__all__ = ["Namespaces", "Network", "Plug", "WirePlug", "Wires"]

Address = tuple[str, int]
_DATABASE = "studio"


class Plug(Protocol):
    """Where one server is, and what can be cut there."""

    inside: Sequence[str]
    """A command that runs its arguments where the server is."""
    host: str
    """Where it listens."""
    port: int
    door: int
    """The port of 127.0.0.1 at which people reach it."""
    database_url: str
    node_url: str
    """Where the other servers reach it."""

    async def cut_from_database(self) -> None:
        """Let nothing through between the server and the database."""

    async def join_database(self) -> None:
        """Let it through again."""

    async def cut_from_others(self) -> None:
        """Let the other servers not reach this one."""

    async def join_others(self) -> None:
        """Let them reach it again."""

    async def lose_answers(self, seconds: float, end_connections: Callable[[], object]) -> None:
        """Carry statements to the database and no answers back, until the connections end."""

    async def unplug(self) -> None:
        """End all of it."""


class Network(Protocol):
    """Makes plugs, and says where databases and the mail server are."""

    host: str
    """Of this process, as the servers see it."""
    database_places: Sequence[Place]

    async def open(self) -> None:
        """Make it."""

    async def close(self) -> None:
        """Take it away."""

    async def plug(self, number: int) -> Plug:
        """The place of one more server."""

    def replication(self) -> Address:
        """Where a standby finds the primary."""

    async def cut_standby(self) -> None:
        """Let nothing of the primary reach its standby."""

    async def join_standby(self) -> None:
        """Let it through again."""

    async def failed_over(self, plugs: Sequence[Plug]) -> None:
        """Another database is the primary: break what still leads to the one that is gone."""


class WirePlug:
    """By TCP proxies in this process: a cut ends the connections."""

    inside: Sequence[str] = ()
    host = "127.0.0.1"

    def __init__(self, database: Callable[[], Address]) -> None:
        self.port = self.door = free_port()
        self.to_database = Wire(database)
        self._from_others = Wire(lambda: (self.host, self.port))
        self.database_url = self.node_url = ""

    async def open(self) -> None:
        """Plug both wires in."""
        await self.to_database.plug_in()
        await self._from_others.plug_in()
        self.database_url = f"postgresql://halcytone@127.0.0.1:{self.to_database.port}/{_DATABASE}"
        self.node_url = f"http://127.0.0.1:{self._from_others.port}"

    async def cut_from_database(self) -> None:
        """As the port says."""
        await self.to_database.cut()

    async def join_database(self) -> None:
        """As the port says."""
        await self.to_database.plug_in()

    async def cut_from_others(self) -> None:
        """As the port says."""
        await self._from_others.cut()

    async def join_others(self) -> None:
        """As the port says."""
        await self._from_others.plug_in()

    async def lose_answers(self, seconds: float, end_connections: Callable[[], object]) -> None:
        """As the port says."""
        await self.to_database.lose_answers(seconds)

    async def unplug(self) -> None:
        """As the port says."""
        await self.to_database.cut()
        await self._from_others.cut()


class Wires:
    """Everything on 127.0.0.1."""

    host = "127.0.0.1"
    database_places: Sequence[Place] = (("127.0.0.1", ()),)

    def __init__(self, database: Callable[[], Address]) -> None:
        self._database = database
        self._to_primary = Wire(database)

    async def open(self) -> None:
        """As the port says."""
        await self._to_primary.plug_in()

    async def close(self) -> None:
        """As the port says."""
        await self._to_primary.cut()

    async def plug(self, number: int) -> WirePlug:
        """As the port says."""
        plug = WirePlug(self._database)
        await plug.open()
        return plug

    def replication(self) -> Address:
        """As the port says."""
        return self.host, self._to_primary.port

    async def cut_standby(self) -> None:
        """As the port says."""
        await self._to_primary.cut()

    async def join_standby(self) -> None:
        """As the port says."""
        await self._to_primary.plug_in()

    async def failed_over(self, plugs: Sequence[Plug]) -> None:
        """As the port says."""
        for plug in plugs:
            await plug.cut_from_database()
            await plug.join_database()


_NET = "10.77.0"
_BRIDGE = "hcstorm0"
_PORT = 8000
_DATABASE_PORT = 5432
_DATABASES = {"hcstorm-db1": f"{_NET}.21", "hcstorm-db2": f"{_NET}.22"}


class NamespacePlug:
    """In a namespace of its own: a cut swallows packets, and nobody is told."""

    host: str
    port = _PORT

    def __init__(self, network: Namespaces, number: int) -> None:
        self._network = network
        self.name = f"hcstorm-s{number}"
        self.host = f"{_NET}.{100 + number}"
        self.inside: Sequence[str] = ("ip", "netns", "exec", self.name)
        self.node_url = f"http://{self.host}:{_PORT}"
        hosts = ",".join(f"{host}:{_DATABASE_PORT}" for host in _DATABASES.values())
        self.database_url = f"postgresql://halcytone@{hosts}/{_DATABASE}?target_session_attrs=read-write"
        self._door = Wire(lambda: (self.host, _PORT))
        self.door = 0

    async def open(self) -> None:
        """Make the namespace, and a way in for people."""
        await _namespace(self.name, self.host)
        await self._door.plug_in()
        self.door = self._door.port

    async def cut_from_database(self) -> None:
        """As the port says."""
        for name in _DATABASES:
            await _route(name, "replace", self.host)

    async def join_database(self) -> None:
        """As the port says."""
        for name in _DATABASES:
            await _route(name, "delete", self.host)

    async def cut_from_others(self) -> None:
        """As the port says."""
        for other in self._network.plugs:
            if other is not self:
                await _route(self.name, "replace", other.host)

    async def join_others(self) -> None:
        """As the port says."""
        for other in self._network.plugs:
            if other is not self:
                await _route(self.name, "delete", other.host)

    async def lose_answers(self, seconds: float, end_connections: Callable[[], object]) -> None:
        """As the port says."""
        await self.cut_from_database()
        await asyncio.sleep(seconds)
        await asyncio.to_thread(end_connections)
        await self.join_database()

    async def unplug(self) -> None:
        """As the port says."""
        await self._door.cut()
        self._network.plugs.remove(self)
        await _delete_namespace(self.name)


class Namespaces:
    """A bridge on this machine, and a namespace with a link to it for each server and database. Needs root."""

    host = f"{_NET}.1"
    database_places: Sequence[Place] = tuple(
        (host, ("ip", "netns", "exec", name)) for name, host in _DATABASES.items()
    )

    def __init__(self, database: Callable[[], Address]) -> None:
        self._database = database
        self.plugs: list[NamespacePlug] = []
        self._cut: tuple[str, str] | None = None

    async def open(self) -> None:
        """As the port says."""
        assert os.geteuid() == 0, "namespaces need root"
        await _ip("link", "add", _BRIDGE, "type", "bridge")
        await _ip("address", "add", f"{self.host}/24", "dev", _BRIDGE)
        await _ip("link", "set", _BRIDGE, "up")
        for name, host in _DATABASES.items():
            await _namespace(name, host)

    async def close(self) -> None:
        """As the port says."""
        for plug in list(self.plugs):
            await plug.unplug()
        for name in _DATABASES:
            await _delete_namespace(name)
        await _ip("link", "delete", _BRIDGE)

    async def plug(self, number: int) -> NamespacePlug:
        """As the port says."""
        plug = NamespacePlug(self, number)
        await plug.open()
        self.plugs.append(plug)
        return plug

    def replication(self) -> Address:
        """As the port says."""
        return self._database()

    async def cut_standby(self) -> None:
        """As the port says."""
        primary, _ = self._database()
        (name,) = (name for name, host in _DATABASES.items() if host == primary)
        (standby,) = (host for host in _DATABASES.values() if host != primary)
        self._cut = name, standby
        await _route(name, "replace", standby)

    async def join_standby(self) -> None:
        """As the port says."""
        if self._cut is not None:
            name, standby = self._cut
            self._cut = None
            await _route(name, "delete", standby)

    async def failed_over(self, plugs: Sequence[Plug]) -> None:
        """As the port says: here the kernel of the database that died says so itself."""


def _link(name: str) -> str:
    """This machine's end of the link to a namespace."""
    return f"v{name.removeprefix('hcstorm-')}"


async def _delete_namespace(name: str) -> None:
    # Its link first: the kernel takes a namespace apart some time later, and the next storm needs the name.
    await _ip("link", "delete", _link(name))
    await _ip("netns", "delete", name)


async def _namespace(name: str, host: str) -> None:
    link = _link(name)
    await _ip("netns", "add", name)
    await _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
    await _ip("link", "set", link, "master", _BRIDGE, "up")
    for command in (
        ("link", "set", "lo", "up"),
        ("address", "add", f"{host}/24", "dev", "eth0"),
        ("link", "set", "eth0", "up"),
    ):
        await _ip("-n", name, *command)


async def _route(name: str, change: str, host: str) -> None:
    """Let a namespace send nothing to a host, or let it again."""
    await _ip("-n", name, "route", change, "blackhole", f"{host}/32")


async def _ip(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "ip", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, f"ip {' '.join(arguments)}: {said.decode()}"
