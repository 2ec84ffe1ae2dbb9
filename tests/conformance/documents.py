"""The definition of the document port: a back end is one when a small subclass of `DocumentStoreSuite` passes."""

from collections.abc import AsyncIterator

import pytest

from storage.documents import Documents, DocumentStore
from tests.conformance.documents_find import FindingDocuments
from tests.conformance.documents_life import LivingWithDocuments
from tests.conformance.documents_model import DocumentsAgainstModel
from tests.conformance.documents_write import WritingDocuments
from tests.conformance.samples import COLLECTIONS, TENANT, DocumentBackend


class DocumentStoreSuite(WritingDocuments, FindingDocuments, LivingWithDocuments, DocumentsAgainstModel):
    """Subclasses give the fixture `backend`; they may add tests of their own, and take none away."""

    @pytest.fixture
    def backend(self) -> DocumentBackend:
        # Meant to fail: a subclass that names no back end has nothing to run the suite on.
        raise NotImplementedError

    @pytest.fixture
    async def opened(self, backend: DocumentBackend) -> AsyncIterator[DocumentStore]:
        store = backend.handle()
        await store.open(COLLECTIONS)
        yield store
        await store.close()

    @pytest.fixture
    async def neighbour(self, backend: DocumentBackend, opened: DocumentStore) -> AsyncIterator[DocumentStore]:
        """What another process has open at the same time."""
        store = backend.handle()
        await store.open(COLLECTIONS)
        yield store
        await store.close()

    @pytest.fixture
    def documents(self, opened: DocumentStore) -> Documents:
        return opened.for_tenant(TENANT)
