"""What the node keeps on disk: documents by hash, and results that wait."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from node.cache import ContentCache
from node.errors import ContentError, MissingError
from node.library import Library
from node.model import Finished
from node.spool import Spool

if TYPE_CHECKING:
    from pathlib import Path


def digest(text: str) -> str:
    """The name of a document."""
    return hashlib.sha256(text.encode()).hexdigest()


def result(number: int) -> Finished:
    """A completed chunk."""
    return Finished(str(UUID(int=number)), "lease", "completed", {"iterations": number})


def test_a_document_survives_a_restart(tmp_path: Path) -> None:
    """What one process put, the next one gets."""
    ContentCache(tmp_path / "cache").put(digest("größe"), "größe")
    assert ContentCache(tmp_path / "cache").get(digest("größe")) == "größe"


def test_an_unknown_document_is_none(tmp_path: Path) -> None:
    """No directory is needed to know nothing."""
    assert ContentCache(tmp_path / "cache").get(digest("a")) is None


def test_a_document_with_a_wrong_hash_is_not_taken(tmp_path: Path) -> None:
    """Neither to memory nor to disk."""
    cache = ContentCache(tmp_path)
    with pytest.raises(ContentError, match=digest("a")):
        cache.put(digest("a"), "b")
    assert cache.get(digest("a")) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", [b"other", b"", b"\xff\xfe"])
def test_a_damaged_copy_is_dropped(tmp_path: Path, damage: bytes) -> None:
    """It is fetched again instead of being believed."""
    ContentCache(tmp_path).put(digest("a"), "a")
    (tmp_path / digest("a")).write_bytes(damage)
    cache = ContentCache(tmp_path)
    assert cache.get(digest("a")) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "a" * 63])
def test_a_name_that_is_no_hash_reaches_no_file(tmp_path: Path, name: str) -> None:
    """Names come from the pool."""
    with pytest.raises(ContentError):
        ContentCache(tmp_path).get(name)


def test_the_disk_is_bounded_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    """A read counts as use."""
    texts = [character * 100 for character in "abc"]
    cache = ContentCache(tmp_path, disk_bytes=250)
    for moment, text in enumerate(texts[:2]):
        cache.put(digest(text), text)
        os.utime(tmp_path / digest(text), (moment, moment))
    assert ContentCache(tmp_path).get(digest(texts[0]))
    cache.put(digest(texts[2]), texts[2])
    assert {path.name for path in tmp_path.iterdir()} == {digest(texts[0]), digest(texts[2])}


def test_memory_is_bounded_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    """Documents that left memory come back from disk."""
    texts = [character * 100 for character in "abc"]
    cache = ContentCache(tmp_path, memory_bytes=250)
    for text in texts:
        cache.put(digest(text), text)
    (tmp_path / digest(texts[0])).unlink()
    (tmp_path / digest(texts[2])).unlink()
    assert cache.get(digest(texts[2])) == texts[2]
    assert cache.get(digest(texts[0])) is None
    assert cache.get(digest(texts[1])) == texts[1]


def test_a_disk_that_cannot_be_written_costs_nothing_now(tmp_path: Path) -> None:
    """Memory serves until the end of the process."""
    (tmp_path / "file").write_text("")
    cache = ContentCache(tmp_path / "file" / "cache")
    cache.put(digest("a"), "a")
    assert cache.get(digest("a")) == "a"


class Shelf:
    """A pool that counts how often it is asked for a document."""

    def __init__(self, *texts: str) -> None:
        self.texts = {digest(text): text for text in texts}
        self.asked: list[str] = []

    async def fetch(self, content_hash: str) -> str:
        """Give a document after a moment."""
        self.asked.append(content_hash)
        await asyncio.sleep(0)
        return self.texts[content_hash]


async def test_chunks_that_need_one_config_fetch_it_once(tmp_path: Path) -> None:
    """However many wait for it at the same time."""
    shelf = Shelf('{"a": 1}')
    library = Library(ContentCache(tmp_path), shelf.fetch, shelf.fetch)
    (name,) = shelf.texts
    configs = await asyncio.gather(*(library.config(name) for _ in range(5)))
    assert configs == [{"a": 1}] * 5
    assert shelf.asked == [name]


async def test_a_config_that_is_not_what_its_hash_says_is_refused(tmp_path: Path) -> None:
    """Nothing else would notice before the result is wrong."""
    shelf = Shelf()
    shelf.texts[digest("{}")] = '{"other": true}'
    with pytest.raises(ContentError):
        await Library(ContentCache(tmp_path), shelf.fetch, shelf.fetch).config(digest("{}"))


async def test_a_config_that_is_no_object_is_refused(tmp_path: Path) -> None:
    """The engine gets a mapping or nothing."""
    shelf = Shelf("[]")
    with pytest.raises(ContentError, match="not an object"):
        await Library(ContentCache(tmp_path), shelf.fetch, shelf.fetch).config(digest("[]"))


async def test_a_document_that_is_not_visible_yet_is_asked_for_again(tmp_path: Path) -> None:
    """The lease that shows it to the node may have been committed this very moment."""
    shelf = Shelf("{}")
    refusals = [MissingError("not yet")] * 2

    async def fetch(content_hash: str) -> str:
        if refusals:
            raise refusals.pop()
        return await shelf.fetch(content_hash)

    library = Library(ContentCache(tmp_path), fetch, fetch, visibility_delays=(0.0, 0.0))
    assert await library.config(digest("{}")) == {}


async def test_a_document_that_stays_missing_is_missing(tmp_path: Path) -> None:
    """After a bounded number of questions."""
    asked = []

    async def fetch(content_hash: str) -> str:
        asked.append(content_hash)
        raise MissingError(content_hash)

    library = Library(ContentCache(tmp_path), fetch, fetch, visibility_delays=(0.0, 0.0))
    with pytest.raises(MissingError):
        await library.config(digest("{}"))
    assert len(asked) == 3


async def test_rotations_come_by_their_checksums(tmp_path: Path) -> None:
    """As text: the engine parses them."""
    shelf = Shelf("one", "two")
    library = Library(ContentCache(tmp_path), shelf.fetch, shelf.fetch)
    assert await library.rotations(shelf.texts) == shelf.texts


def test_results_wait_in_the_order_in_which_they_were_finished(tmp_path: Path) -> None:
    """Another process reads what this one wrote."""
    for number in (3, 1, 2):
        Spool(tmp_path).put(result(number))
        os.utime(tmp_path / f"{UUID(int=number)}.json", (10 - number, 10 - number))
    kept, damaged = Spool(tmp_path).load()
    assert kept == [result(3), result(2), result(1)]
    assert damaged == []


def test_a_discarded_result_is_gone(tmp_path: Path) -> None:
    """Discarding twice, or nothing, is no error."""
    spool = Spool(tmp_path)
    spool.put(result(1))
    spool.discard(result(1).chunk_id)
    spool.discard(result(1).chunk_id)
    assert spool.load() == ([], [])


def test_a_result_written_again_replaces_itself(tmp_path: Path) -> None:
    """One file per chunk."""
    spool = Spool(tmp_path)
    spool.put(result(1))
    spool.put(Finished(result(1).chunk_id, "newer", "completed", {"iterations": 1}))
    kept, _ = spool.load()
    assert [finished.lease_token for finished in kept] == ["newer"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"chunk_id": "' + str(UUID(int=1)).encode(),
        b"[]",
        b"\xff",
        json.dumps({**result(2).to_json()}).encode(),
        json.dumps({**result(1).to_json(), "status": "perhaps"}).encode(),
        json.dumps({**result(1).to_json(), "chunk_id": "x"}).encode(),
    ],
)
def test_a_damaged_result_is_put_aside_and_named(tmp_path: Path, content: bytes) -> None:
    """The others are delivered; the damaged one stays for whoever wants to look."""
    spool = Spool(tmp_path)
    spool.put(result(1))
    spool.put(result(9))
    (tmp_path / f"{UUID(int=1)}.json").write_bytes(content)
    kept, damaged = spool.load()
    assert kept == [result(9)]
    assert damaged == [tmp_path / f"{UUID(int=1)}.corrupt"]
    assert spool.load() == ([result(9)], [])


def test_a_half_written_result_is_not_read(tmp_path: Path) -> None:
    """A crash leaves the draft, which the next write of the chunk replaces."""
    (tmp_path / f"{UUID(int=1)}.part").write_text("{")
    spool = Spool(tmp_path)
    assert spool.load() == ([], [])
    spool.put(result(1))
    assert spool.load() == ([result(1)], [])


def test_the_spool_is_bounded(tmp_path: Path) -> None:
    """The oldest leave first: their leases ended long ago."""
    for number in range(5):
        Spool(tmp_path).put(result(number))
        os.utime(tmp_path / f"{UUID(int=number)}.json", (number, number))
    kept, _ = Spool(tmp_path, limit=2).load()
    assert kept == [result(3), result(4)]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_chunk_id_that_is_no_uuid_reaches_no_file(tmp_path: Path) -> None:
    """Ids come from the pool."""
    with pytest.raises(ValueError, match="UUID"):
        Spool(tmp_path / "spool").put(Finished("../escape", "l", "completed", {}))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
