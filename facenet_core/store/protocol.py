"""What a store of people does, wherever it keeps them: files of this machine, or a server that many hosts share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from facenet_core.store.arrival import ImportOutcome
from facenet_core.store.parts import PeopleFinder, Photos, ShadowSlots
from facenet_core.store.schema import JSON, Seed
from facenet_core.types import NewTemplate, Person, Template


class PeopleRepository(Protocol):
    """Everything that is stored about people.

    Every change is one transaction: it happens in full and is kept when the
    method returns, and nobody else's change is lost, be it another thread's,
    another process's or another host's. Methods may be called from several
    threads.

    Every method that reads raises ``DatabaseDamagedError`` for what is not what
    was written, ``DatabaseVersionError`` for what a newer version wrote and
    ``StoreError`` for what can't be read. Every method that changes anything
    also raises ``DatabaseWriteError`` when that fails, and ``StoreError`` when
    others keep the database locked; nothing has changed then.

    Attributes:
        place: Where the people are, for messages.
        photos: The stored photos.
        shadows: What models that are not in use make of the photos.
        index: Searches very many templates; None where that can't be done.
    """

    @property
    def index(self) -> PeopleFinder | None: ...  # noqa: D102

    @property
    def place(self) -> str: ...  # noqa: D102

    @property
    def photos(self) -> Photos: ...  # noqa: D102

    @property
    def shadows(self) -> ShadowSlots: ...  # noqa: D102

    def revision(self) -> str:
        """Returns a token that changes whenever anybody commits; cheap."""
        ...

    def on_disk(self) -> tuple[int, datetime | None]:
        """Returns the size of the database, in bytes, and when it was changed, UTC; 0 and None if there is none."""
        ...

    def people(self) -> tuple[Person, ...]:
        """Returns everybody, sorted by name. Read only when anything has changed."""
        ...

    def person(self, reference: str) -> Person:
        """Returns one person.

        Args:
            reference: Their id, or their name in any case and Unicode form.

        Raises:
            UnknownPersonError: Nobody is called that; the message lists
                similar names.
        """
        ...

    def enrol(self, name: str, new: Sequence[NewTemplate], *, create: bool | None = None) -> Person:
        """Enrols photos of one person: all of them or none.

        Args:
            name: Their name. A person of that name gets the photos added.
            new: At least one photo.
            create: True to insist that the person is new, False that they are
                not.

        Returns:
            The person with all their photos.

        Raises:
            PersonNameError: The name can't be used.
            PersonExistsError: ``create`` is true and the person is enrolled.
            UnknownPersonError: ``create`` is false and the person is not.
            DuplicatePhotoError: A photo is enrolled already, for anybody.
            ValueError: There is no photo, or an embedding is not a unit vector
                of its model's length.
        """
        ...

    def rename(self, person_id: str, name: str) -> Person:
        """Gives a person another name.

        Args:
            person_id: Their id.
            name: Their new name; it may differ in case only.

        Returns:
            The person.

        Raises:
            PersonNameError: The name can't be used.
            PersonExistsError: Somebody else has that name.
            UnknownPersonError: There is no such person any more.
        """
        ...

    def remove_person(self, person_id: str) -> None:
        """Removes a person with all their photos and shadows.

        Args:
            person_id: Their id.

        Raises:
            UnknownPersonError: There is no such person any more.
        """
        ...

    def remove_template(self, person_id: str, template_id: str) -> Person:
        """Removes one photo of a person who has others.

        Args:
            person_id: The person's id.
            template_id: The photo's template.

        Returns:
            The person with the photos that are left.

        Raises:
            UnknownPersonError: There is no such person any more.
            UnknownPhotoError: They have no such photo any more.
            InputError: It is their last photo.
        """
        ...

    def replace_templates(self, templates: Sequence[Template]) -> int:
        """Swaps detection, embedding and model of enrolled photos, in one transaction.

        Args:
            templates: What is to be in the place of the templates of the same
                id. Ids that were removed meanwhile are left out.

        Returns:
            How many were swapped.

        Raises:
            ValueError: An embedding is not a unit vector of its model's length.
        """
        ...

    def import_people(
        self, people: Sequence[Person], photos: Callable[[str], bytes], mode: Literal["merge", "replace"]
    ) -> ImportOutcome:
        """Takes in people from elsewhere: all of them or none.

        A person of a name that is enrolled gets the photos added. A photo that
        is enrolled already, for anybody, is skipped, and so is a person without
        any other. An id that is taken is replaced by a fresh one.

        Args:
            people: The people.
            photos: Returns a photo's file, given its hash.
            mode: ``merge`` to add to the database, ``replace`` to have exactly
                these people in it.

        Returns:
            What was added and skipped.

        Raises:
            PersonNameError: A name can't be used.
            ArchiveError: A photo's file does not fit its hash.
        """
        ...

    def sweep(self) -> int:
        """Deletes photos that belong to nobody.

        Returns:
            How many were deleted.
        """
        ...

    def seeds(self) -> dict[str, Seed]:
        """Returns what became of the photos that came with the program, by their hash."""
        ...

    def record_seed(self, sha256: str, file_name: str, outcome: str) -> None:
        """Remembers what became of a photo that came with the program.

        Args:
            sha256: Hash of its bytes.
            file_name: Its name.
            outcome: What became of it, such as ``enrolled``.
        """
        ...

    def settings(self) -> dict[str, JSON]:
        """Returns the settings that were saved."""
        ...

    def save_settings(self, settings: Mapping[str, JSON]) -> None:
        """Saves settings; those not named stay as they are.

        Args:
            settings: New values by name.

        Raises:
            ValueError: A value is not finite or not text that UTF-8 can hold.
        """
        ...

    @property
    def backup_available(self) -> bool:
        """Whether there is a backup that :meth:`restore_backup` can restore."""
        ...

    def restore_backup(self) -> Path | None:
        """Puts the backup in the place of a damaged database.

        Photos that were removed after the backup was made stay removed.

        Returns:
            Where the damaged database is now; None if it was missing.

        Raises:
            StoreError: The database is in order, or there is no usable backup.
        """
        ...
