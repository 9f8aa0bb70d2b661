"""The people nearest to a face, found by the server's index."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, func, select, text

from facenet_core.store.graph import Graph
from facenet_core.store.names import sorted_by_name
from facenet_core.store.postgres import rows
from facenet_core.store.postgres.database import PeopleDatabase
from facenet_core.store.postgres.tables import people, templates
from facenet_core.types import Embedding, ModelId, Person, Template

FETCHED = 100
"""Templates that are fetched for one face. Their order is that of half precision, so more than the answer needs."""


class PeopleIndex:
    """Finds the people nearest to a face among very many, without having them all in memory. Thread-safe.

    The server's index is made when it is first asked for, while everybody goes
    on working: among few it would cost every enrolment more than it saves.

    Args:
        database: Where they are.
    """

    def __init__(self, database: PeopleDatabase) -> None:
        self._database = database
        self._graphs: dict[ModelId, Graph] = {}

    def graph(self, model_id: ModelId) -> Graph | None:
        """Returns the index of a model; None if there are no templates of it.

        Args:
            model_id: The model.

        Raises:
            StoreError: The server does not answer.
        """
        if model_id not in self._graphs:
            key = self._database.ask(lambda connection: connection.execute(rows.key_of(model_id)).scalar())
            if key is None:
                return None
            self._graphs[model_id] = Graph(self._database, "templates", "vector", key, model_id.dimensions)
        return self._graphs[model_id]

    def ready(self, model_id: ModelId) -> bool:
        """See :class:`~facenet_core.store.parts.PeopleFinder`. The index is made in the background."""
        graph = self.graph(model_id)
        return graph is not None and graph.ready()

    def count(self, model_id: ModelId) -> tuple[int, int]:
        """See :class:`~facenet_core.store.parts.PeopleFinder`."""
        key = rows.key_of(model_id).scalar_subquery()
        of_model = select(func.count(templates.c.person_id.distinct()), func.count()).where(templates.c.model == key)
        counted = self._database.ask(lambda connection: connection.execute(of_model).one())
        return counted[0], counted[1]

    def nearest(self, model_id: ModelId, probe: Embedding, people_wanted: int) -> tuple[Person, ...]:
        """See :class:`~facenet_core.store.parts.PeopleFinder`."""
        graph = self.graph(model_id)
        if graph is None:
            return ()
        return self._database.read(lambda connection: self._nearest(connection, graph, probe, people_wanted))

    def _nearest(self, connection: Connection, graph: Graph, probe: Embedding, wanted: int) -> tuple[Person, ...]:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        limit = FETCHED
        while True:
            ids = graph.nearest(connection, probe, limit, answer="person_id", order="strict_order")
            found = set(ids)
            if len(found) >= wanted or len(ids) < limit:
                return people_of(connection, found, self._database.place)
            limit *= 4  # somebody has very many photos


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
    return sorted_by_name(made)
