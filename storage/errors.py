"""What a store may raise: nothing else crosses the line (library errors are the `__cause__`)."""


class StoreError(Exception):
    """A store could not do what was asked; the cause is chained, its text is not for the outside."""


class StoreUnavailable(StoreError):
    """The store cannot be reached, is locked, is full or refuses to write. Nothing was changed."""


class Conflict(StoreError):
    """The document is not at the expected revision (or exists where none was expected). Nothing was changed."""

    def __init__(self, collection: str, document_id: str) -> None:
        super().__init__(f"document {document_id} of {collection} is not at the expected revision")
        self.collection = collection
        self.document_id = document_id


class InvalidCursor(StoreError):
    """The cursor was not made by this store for this query."""
