"""The people nearest to a face, found by the server's index."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial

from sqlalchemy import ColumnElement, Connection, func, select, text

from facenet_core.errors import StoreError
from facenet_core.store.postgres import rows
from facenet_core.store.postgres.database import PeopleDatabase
from facenet_core.store.postgres.tables import SCHEMA, models, people, templates
from facenet_core.types import Embedding, ModelId, Person, Template

logger = logging.getLogger(__name__)

FETCHED = 100
"""Templates that are fetched for one face. Their order is that of half precision, so more than the answer needs."""

EF_SEARCH = 1_000
"""How thoroughly the index is searched: the most that pgvector allows. More finds more and takes longer."""

INDEXED_DIMENSIONS = 4_000
"""Longest vectors of half precision that pgvector makes an index of."""


class PeopleIndex:
    """Finds the people nearest to a face among very many, without having them all in memory. Thread-safe.

    The server's index (HNSW) is made when it is first asked for, while everybody
    goes on working: among few it would cost every enrolment more than it saves.

    Args:
        database: Where they are.
    """

    def __init__(self, database: PeopleDatabase) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._ready: set[ModelId] = set()
        self._building: threading.Thread | None = None

    def ready(self, model_id: ModelId) -> bool:
        """Returns whether the index of a model is there; begins to make it in the background otherwise.

        Args:
            model_id: The model.

        Raises:
            StoreError: The server does not answer.
        """
        if model_id.dimensions > INDEXED_DIMENSIONS:
            return False
        with self._lock:
            if model_id in self._ready:
                return True
            if self._database.ask(lambda connection: _is_valid(connection, model_id)):
                self._ready.add(model_id)
                return True
            if self._building is None or not self._building.is_alive():
                run = partial(self._build_logged, model_id)
                self._building = threading.Thread(target=run, name="people-index", daemon=True)
                self._building.start()
            return False

    def build(self, model_id: ModelId) -> None:
        """Makes the index of a model, and returns when it is there, or somebody else is making it.

        Args:
            model_id: The model.

        Raises:
            StoreError: It could not be made.
        """
        self._database.ask(lambda connection: _build(connection, model_id))

    def _build_logged(self, model_id: ModelId) -> None:
        try:
            self.build(model_id)
        except StoreError as error:
            logger.warning("the index of people was not made: %s", error)

    def count(self, model_id: ModelId) -> tuple[int, int]:
        """Returns how many people have templates of a model, and how many these are.

        Args:
            model_id: The model.

        Raises:
            StoreError: The server does not answer.
        """
        key = select(models.c.key).where(*_is(model_id)).scalar_subquery()
        of_model = select(func.count(templates.c.person_id.distinct()), func.count()).where(templates.c.model == key)
        counted = self._database.ask(lambda connection: connection.execute(of_model).one())
        return counted[0], counted[1]

    def nearest(self, model_id: ModelId, probe: Embedding, people_wanted: int) -> tuple[Person, ...]:
        """Returns people who have the templates nearest to a face, with all their templates, sorted by name.

        The index may miss somebody; of whom it finds nothing is rounded.

        Args:
            model_id: The model.
            probe: Shape ``(d,)``, unit norm.
            people_wanted: At least so many, where there are.

        Raises:
            StoreError: The server does not answer.
        """
        return self._database.read(lambda connection: self._nearest(connection, model_id, probe, people_wanted))

    def _nearest(
        self, connection: Connection, model_id: ModelId, probe: Embedding, people_wanted: int
    ) -> tuple[Person, ...]:
        key = _key(connection, model_id)
        if key is None:
            return ()
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        connection.execute(text(f"SET LOCAL hnsw.ef_search = {EF_SEARCH}"))
        connection.execute(text("SET LOCAL hnsw.iterative_scan = strict_order"))
        limit = FETCHED
        while True:
            # The model's key and length are part of the index, so they can't be parameters.
            wanted = text(
                f"SELECT person_id FROM templates WHERE model = {int(key)} "  # noqa: S608  # a number of ours
                f"ORDER BY CAST(vector AS halfvec({model_id.dimensions})) <-> "
                f"CAST(:probe AS halfvec({model_id.dimensions})) LIMIT {limit}"
            )
            ids = connection.execute(wanted, {"probe": rows.vector(probe)}).scalars().all()
            found = set(ids)
            if len(found) >= people_wanted or len(ids) < limit:
                break
            limit *= 4  # somebody has very many photos
        return people_of(connection, found, self._database.place)


def people_of(connection: Connection, ids: Iterable[str], place: str) -> tuple[Person, ...]:
    """Returns people with all their templates, sorted by name. Who is not there any more is left out.

    Args:
        connection: For reading.
        ids: Who.
        place: Where they are, for messages.

    Raises:
        StoreError: A row is not what was written.
    """
    ids = list(ids)
    found = rows.fetched(connection, ids, "person_id")
    owned: dict[str, list[Template]] = {each: [] for each in ids}
    for template in rows.decoded(found, rows.model_ids(connection), place):
        owned[template.person_id].append(template)
    made = [
        Person(
            each.id,
            each.name,
            rows.utc(each.created_at),
            tuple(sorted(owned[each.id], key=lambda template: template.created_at)),
        )
        for each in connection.execute(select(people).where(people.c.id.in_(ids)))
    ]
    return tuple(sorted(made, key=lambda person: (person.name.casefold(), person.id)))


def _key(connection: Connection, model_id: ModelId) -> int | None:
    key: int | None = connection.execute(select(models.c.key).where(*_is(model_id))).scalar()
    return key


def _is_valid(connection: Connection, model_id: ModelId) -> bool:
    """Whether the index is there; one whose making was interrupted is not valid."""
    found = text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
    name = f"{SCHEMA}.templates_vector_{_key(connection, model_id)}"
    return bool(connection.execute(found, {"name": name}).scalar())


def _build(connection: Connection, model_id: ModelId) -> None:
    key = _key(connection, model_id)
    name = f"templates_vector_{key}"
    alone = {"lock": f"{SCHEMA}.{name}"}
    if key is None or not connection.execute(text("SELECT pg_try_advisory_lock(hashtext(:lock))"), alone).scalar():
        return  # another program is at it
    try:
        if _is_valid(connection, model_id):
            return
        logger.info("making an index of the people")
        connection.execute(text("SET lock_timeout = 0"))  # it waits for changes that are under way
        connection.execute(text(f"DROP INDEX IF EXISTS {name}"))
        connection.execute(
            text(
                f"CREATE INDEX CONCURRENTLY {name} ON templates USING hnsw "
                f"(CAST(vector AS halfvec({model_id.dimensions})) halfvec_l2_ops) WHERE model = {key}"
            )
        )
    finally:
        # Not to be lent again: what was set for this one work would stay.
        connection.invalidate()


def _is(model_id: ModelId) -> list[ColumnElement[bool]]:
    return [models.c[name] == value for name, value in asdict(model_id).items()]
