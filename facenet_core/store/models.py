"""The numbers of models in a database that keeps embeddings of several."""

from __future__ import annotations

from sqlalchemy import Connection, Table, bindparam, insert, select

from facenet_core.types import ModelId

_KEY = ("model", "preprocessing", "weights")


class ModelNumbers:
    """The rows of a table of :func:`~facenet_core.store.columns.models_table`.

    Args:
        table: The table.
    """

    def __init__(self, table: Table) -> None:
        # Made once: to put a statement together takes longer than SQLite takes to answer it.
        self._known = select(table.c.id).where(*(table.c[name] == bindparam(name) for name in _KEY))
        self._new = insert(table).returning(table.c.id)

    def known(self, connection: Connection, model_id: ModelId) -> int:
        """The number of a model; 0 if it has embedded nothing."""
        return connection.execute(self._known, _key(model_id)).scalar() or 0

    def given(self, connection: Connection, model_id: ModelId) -> int:
        """The number of a model, given to it if it has none; within a change."""
        if number := self.known(connection, model_id):
            return number
        values = {**_key(model_id), "dimensions": model_id.dimensions}
        return int(connection.execute(self._new, values).scalar_one())


def _key(model_id: ModelId) -> dict[str, str]:
    values = (model_id.model, model_id.preprocessing, model_id.weights_sha256)
    return dict(zip(_KEY, values, strict=True))
