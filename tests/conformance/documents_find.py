"""The part of the document port's definition that is about finding: conditions, order, pages, counts."""

from collections.abc import Mapping
from typing import Any

import pytest

from storage.documents import (
    AnyElement,
    AnyOf,
    Condition,
    Contains,
    Documents,
    DocumentStore,
    Eq,
    In,
    Put,
    Query,
    Range,
    Scalar,
    Sort,
)
from storage.errors import InvalidCursor
from tests.conformance.samples import NOTES, OTHER_TENANT, PEOPLE, TENANT, refused

BIG = 2**53


def _case(value: object) -> str:
    """The name of a case, the same in every process: sets have no order of their own."""
    return " ".join(sorted(value)) if isinstance(value, set) else repr(value)


class FindingDocuments:
    """Tests that need the fixtures of `DocumentStoreSuite`."""

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            (Eq("name", "Jan"), {"jan"}),
            (Eq("name", "jan"), set()),
            (Eq("name", None), {"absent", "null", "nested", "number"}),
            (Eq("name", ""), {"empty"}),
            (In("name", ("Jan", "Piet", "nobody")), {"jan", "piet"}),
            (In("name", ("Jan", None)), {"jan", "absent", "null", "nested", "number"}),
            (In("name", (None,)), {"absent", "null", "nested", "number"}),
            (In("name", ()), set()),
            (Range("name", gte="Jan", lt="Q"), {"jan", "piet"}),
            (Range("name", gt="Jan"), {"piet", "accents", "strasse", "wild"}),
            (Range("name", lte="Jan"), {"jan", "empty", "ascii"}),
            (Range("name"), {"jan", "piet", "empty", "accents", "strasse", "wild", "ascii"}),
            (Contains("name", "AN"), {"jan"}),
            (Contains("name", ""), {"jan", "piet", "empty", "accents", "strasse", "wild", "ascii"}),
            (Contains("name", "écl"), {"accents"}),
            (Contains("name", "STRASSE"), {"strasse"}),
            (Contains("name", "%"), {"wild"}),
            (Contains("name", "_"), {"wild"}),
            (Contains("name", "*["), {"wild"}),
            (Contains("name", "\\"), {"wild"}),
            (Contains("name", "0.5"), set()),
            (AnyOf((Eq("name", "Jan"), Eq("name", "Piet"), Contains("name", "ÉCL"))), {"jan", "piet", "accents"}),
            (AnyOf((Eq("name", "Jan"), AnyElement("tags", ("x",)))), {"jan", "piet"}),
            (AnyOf((AnyOf((Eq("name", "Jan"),)), AnyOf(()))), {"jan"}),
            (AnyOf(()), set()),
            (AnyElement("tags", ("x",)), {"piet"}),
            (AnyElement("tags", ("x", "y", "z")), {"piet", "jan"}),
            (AnyElement("tags", ("X",)), set()),
            (AnyElement("tags", ()), set()),
            (AnyElement("tags", (None,)), {"number"}),
            (AnyElement("tags", (1,)), {"number"}),
            (AnyElement("tags", (True,)), {"wild"}),
            (AnyElement("address.lines", ("b",)), {"nested"}),
            (Eq("address.city", "Ede"), {"nested"}),
        ],
        ids=_case,
    )
    async def test_every_condition(self, documents: Documents, condition: Condition, expected: set[str]) -> None:
        await fill(
            documents,
            {
                "jan": {"name": "Jan", "tags": ["y", "y"]},
                "piet": {"name": "Piet", "tags": ["x", "y"]},
                "empty": {"name": "", "tags": []},
                "absent": {"tags": "x"},
                "null": {"name": None, "tags": None},
                "nested": {"name": {"first": "Jan"}, "address": {"city": "Ede", "lines": ["a", "b", ["x"], {"b": 1}]}},
                "number": {"name": ["Jan"], "tags": [1, 1.5, None]},
                "accents": {"name": "Éclair"},
                "strasse": {"name": "große Straße"},
                "wild": {"name": "a%b_c*[d]?\\e", "tags": [True]},
                "ascii": {"name": "A-Z"},
            },
        )
        assert await found(documents, condition) == expected
        assert await documents.count(PEOPLE, (condition,)) == len(expected)

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            (Eq("age", 1), {"one", "one-float"}),
            (Eq("age", 1.0), {"one", "one-float"}),
            (Eq("age", True), set()),
            (Eq("age", BIG), {"big"}),
            (Eq("age", BIG + 1), {"bigger"}),
            (Eq("age", float(BIG)), {"big"}),
            (Eq("age", -(2**63)), {"least"}),
            (Eq("age", 2**63 - 1), {"most"}),
            (Range("age", gt=BIG), {"bigger", "most"}),
            (Range("age", gte=1, lte=1.5), {"one", "one-float", "more"}),
            (Range("age", gt=1, lt=BIG + 1), {"more", "big"}),
            (Range("age", lt=1), {"least", "zero"}),
            (Range("age", gt="0"), set()),
            (Range("age", lt="z"), set()),
            (Range("age", lt=True), set()),
            (In("age", (0, BIG + 1, "1")), {"zero", "bigger"}),
            (Contains("age", "1"), set()),
        ],
        ids=_case,
    )
    async def test_numbers_compare_by_value(
        self, documents: Documents, condition: Condition, expected: set[str]
    ) -> None:
        ages = {
            "one": 1,
            "one-float": 1.0,
            "more": 1.5,
            "zero": -0.0,
            "big": BIG,
            "bigger": BIG + 1,
            "least": -(2**63),
            "most": 2**63 - 1,
        }
        await fill(documents, {key: {"age": age} for key, age in ages.items()})
        await documents.put(PEOPLE, "none", {"age": None}, expected=None)
        assert await found(documents, condition) == expected

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            (Eq("active", True), {"yes"}),
            (Eq("active", False), {"no"}),
            (Eq("active", 1), set()),
            (Eq("active", 0), set()),
            (Eq("active", None), {"unknown"}),
            (In("active", (True, False)), {"yes", "no"}),
            (Range("active", gte=False), {"yes", "no"}),
            (Range("active", gt=False), {"yes"}),
            (Range("active", lt=True), {"no"}),
            (Range("active", lte=1), set()),
            (Range("active", gte=0), set()),
        ],
        ids=_case,
    )
    async def test_booleans_are_no_numbers(
        self, documents: Documents, condition: Condition, expected: set[str]
    ) -> None:
        await fill(documents, {"yes": {"active": True}, "no": {"active": False}, "unknown": {}})
        assert await found(documents, condition) == expected

    async def test_every_condition_must_hold(self, documents: Documents) -> None:
        await fill(documents, {f"{n}": {"age": n, "name": "even" if n % 2 == 0 else "odd"} for n in range(10)})
        where = (Eq("name", "even"), Range("age", gt=2), AnyOf((Eq("age", 4), Eq("age", 5), Eq("age", 8))))
        page = await documents.find(PEOPLE, Query(where))
        assert [one.id for one in page.documents] == ["4", "8"]
        assert await documents.count(PEOPLE, where) == 2

    async def test_no_condition_finds_all_by_id(self, documents: Documents) -> None:
        await fill(documents, {key: {} for key in ("b", "\U00010000", "\uffff", "a", "B", "é", "ab")})
        page = await documents.find(PEOPLE, Query())
        assert [one.id for one in page.documents] == ["B", "a", "ab", "b", "é", "\uffff", "\U00010000"]
        assert page.next_cursor == ""

    async def test_nothing_there_is_an_empty_page(self, documents: Documents) -> None:
        for query in (Query(), Query(sort=Sort("age")), Query((Eq("age", 1),), offset=5)):
            page = await documents.find(PEOPLE, query)
            assert (page.documents, page.next_cursor) == ((), "")

    async def test_sorting_by_a_field(self, documents: Documents) -> None:
        names: dict[str, Scalar] = {
            "e": "b", "d": "a", "c": None, "b": "a", "a": None, "f": "\U00010000", "g": "\uffff", "h": "B",
        }  # fmt: skip
        await fill(documents, {key: {} if name is None else {"name": name} for key, name in names.items()})
        ascending = await documents.find(PEOPLE, Query(sort=Sort("name")))
        assert [one.id for one in ascending.documents] == ["a", "c", "h", "b", "d", "e", "g", "f"]
        descending = await documents.find(PEOPLE, Query(sort=Sort("name", descending=True)))
        assert [one.id for one in descending.documents] == ["f", "g", "e", "d", "b", "h", "c", "a"]

    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 12, 100])
    @pytest.mark.parametrize(
        "sort",
        [None, Sort("age"), Sort("age", True), Sort("active"), Sort("active", True), Sort("name", True)],
        ids=_case,
    )
    async def test_pages_by_cursor_and_by_offset_are_the_listing(
        self, documents: Documents, sort: Sort | None, limit: int
    ) -> None:
        ages: list[Scalar] = [3, None, 1, 2, 2, None, 2, 1.5, 0, None, BIG + 1, BIG]
        flags: list[Scalar] = [True, None, False]
        await fill(documents, {f"d{n:02}": {"age": age, "active": flags[n % 3]} for n, age in enumerate(ages)})
        listing = [one.id for one in (await documents.find(PEOPLE, Query(sort=sort))).documents]
        assert len(listing) == len(ages)
        pages = await by_cursor(documents, Query(sort=sort, limit=limit))
        assert [key for page in pages for key in page] == listing
        assert all(len(page) == limit for page in pages[:-1])
        for offset in range(len(listing) + 2):
            page = await documents.find(PEOPLE, Query(sort=sort, limit=limit, offset=offset))
            assert [one.id for one in page.documents] == listing[offset : offset + limit]
            assert bool(page.next_cursor) == (offset + limit < len(listing))

    async def test_a_page_by_offset_can_be_followed_by_cursor(self, documents: Documents) -> None:
        await fill(documents, {f"d{n}": {"age": n} for n in range(6)})
        page = await documents.find(PEOPLE, Query(sort=Sort("age"), limit=2, offset=1))
        rest = await documents.find(PEOPLE, Query(sort=Sort("age"), limit=9, cursor=page.next_cursor))
        assert [one.id for one in rest.documents] == ["d3", "d4", "d5"]

    @pytest.mark.parametrize("descending", [False, True])
    async def test_a_cursor_neither_skips_nor_repeats_what_stays(self, documents: Documents, descending: bool) -> None:
        await fill(documents, {f"d{n}": {"age": n} for n in range(0, 20, 2)})
        query = Query(sort=Sort("age", descending), limit=3)
        page = await documents.find(PEOPLE, query)
        seen = [one.body["age"] for one in page.documents]
        # The last one seen goes, one that was seen moves to the other side, and others come on both sides.
        last, first = page.documents[-1], page.documents[0]
        await documents.delete(PEOPLE, last.id, expected=last.revision)
        await documents.put(PEOPLE, first.id, {"age": 9 if descending else 11}, expected=first.revision)
        await fill(documents, {f"new{n}": {"age": n} for n in (1, 3, 7, 13, 17)})
        rest: list[int] = []
        while page.next_cursor:
            page = await documents.find(PEOPLE, Query(sort=query.sort, limit=3, cursor=page.next_cursor))
            rest += [one.body["age"] for one in page.documents]
        expected_rest = (
            [13, 12, 11, 10, 9, 8, 7, 6, 4, 3, 2, 1, 0] if descending else [6, 7, 8, 10, 11, 12, 13, 14, 16, 17, 18]
        )
        if descending:
            expected_rest.remove(11)
        assert seen == ([18, 16, 14] if descending else [0, 2, 4])
        assert rest == expected_rest

    async def test_the_conditions_may_change_between_pages(self, documents: Documents) -> None:
        await fill(documents, {f"d{n}": {"age": n} for n in range(6)})
        page = await documents.find(PEOPLE, Query((Range("age", lt=5),), Sort("age"), limit=2))
        rest = await documents.find(PEOPLE, Query((Range("age", lt=4),), Sort("age"), cursor=page.next_cursor))
        assert [one.id for one in rest.documents] == ["d2", "d3"]

    async def test_only_a_cursor_of_this_listing_is_taken(self, opened: DocumentStore, documents: Documents) -> None:
        await fill(documents, {f"d{n}": {"age": n} for n in range(6)})
        by_age = (await documents.find(PEOPLE, Query(sort=Sort("age"), limit=2))).next_cursor
        by_id = (await documents.find(PEOPLE, Query(limit=2))).next_cursor
        assert by_age.isascii()
        assert all(sign.isalnum() or sign in "-_" for sign in by_age)
        wrong = [
            Query(cursor=by_age),
            Query(sort=Sort("age", True), cursor=by_age),
            Query(sort=Sort("name"), cursor=by_age),
            Query(sort=Sort("age"), cursor=by_id),
            *(
                Query(sort=Sort("age"), cursor=cursor)
                for cursor in (
                    by_age[:-1], by_age[1:], by_age + "A", by_age + "=", " " + by_age, by_age.swapcase(),
                    "x", "nonsense", "\0", "é", "\ud800", "e30", "[]", "A" * 5_000,
                )
            ),
        ]  # fmt: skip
        for query in wrong:
            with pytest.raises(InvalidCursor):
                await documents.find(PEOPLE, query)
        with pytest.raises(InvalidCursor):
            await documents.find(NOTES, Query(cursor=by_id))
        with pytest.raises(InvalidCursor):
            await opened.for_tenant(OTHER_TENANT).find(PEOPLE, Query(cursor=by_id))

    async def test_a_cursor_works_at_another_handle(self, opened: DocumentStore, neighbour: DocumentStore) -> None:
        await fill(opened.for_tenant(TENANT), {f"d{n}": {"age": n} for n in range(4)})
        page = await opened.for_tenant(TENANT).find(PEOPLE, Query(sort=Sort("age"), limit=2))
        rest = await neighbour.for_tenant(TENANT).find(PEOPLE, Query(sort=Sort("age"), cursor=page.next_cursor))
        assert [one.id for one in rest.documents] == ["d2", "d3"]

    @pytest.mark.parametrize(
        "query",
        [
            Query((Eq("undeclared", 1),)),
            Query((Eq("tags", "x"),)),
            Query((AnyElement("name", ("x",)),)),
            Query((AnyOf((Eq("name", "x"), Eq("undeclared", 1))),)),
            Query((Contains("undeclared", "x"),)),
            Query((Range("undeclared", gt=1),)),
            Query((In("undeclared", ()),)),
            Query(sort=Sort("undeclared")),
            Query(sort=Sort("tags")),
            Query(sort=Sort("id")),
            Query((Range("age", gt=1, lt="x"),)),
            Query((Range("age", gt=0, lt=True),)),
            Query((Eq("age", 2**63),)),
            Query((Range("age", lt=-(2**64)),)),
            Query((Eq("age", float("nan")),)),
            Query((Eq("name", "\ud800"),)),
            Query((Contains("name", "\udcff"),)),
            Query((In("name", tuple(f"{n}" for n in range(10_001))),)),
            Query(tuple(Eq("age", n) for n in range(201))),
            Query((AnyOf(tuple(Eq("age", n) for n in range(201))),)),
            Query(limit=0),
            Query(limit=-1),
            Query(limit=10_001),
            Query(offset=-1),
            Query(offset=2**63),
            Query(offset=1, cursor="x"),
        ],
        ids=lambda query: repr(query)[:60],
    )
    async def test_impossible_queries_are_refused(self, documents: Documents, query: Query) -> None:
        with refused():
            await documents.find(PEOPLE, query)
        if query.where:
            with refused():
                await documents.count(PEOPLE, query.where)

    async def test_the_largest_queries_are_answered(self, documents: Documents) -> None:
        await fill(documents, {f"d{n}": {"age": n, "tags": [n]} for n in range(5)})
        many = tuple(range(1, 10_001))
        assert await documents.count(PEOPLE, (In("age", many),)) == 4
        assert await documents.count(PEOPLE, (AnyElement("tags", many),)) == 4
        assert await documents.count(PEOPLE, (AnyOf(tuple(Eq("age", n) for n in range(1, 201))),)) == 4
        assert await documents.count(PEOPLE, tuple(Range("age", gte=-n) for n in range(200))) == 5
        page = await documents.find(PEOPLE, Query((In("age", many),), Sort("age", True), limit=10_000, offset=1))
        assert [one.id for one in page.documents] == ["d3", "d2", "d1"]

    async def test_a_found_document_is_the_document(self, documents: Documents) -> None:
        made = await documents.put(PEOPLE, "a", {"name": "Jan", "tags": ["x", "y"]}, expected=None)
        queries = (Query(), Query((Eq("name", "Jan"),)), Query((AnyElement("tags", ("x", "y")),), Sort("name", True)))
        for query in queries:
            assert (await documents.find(PEOPLE, query)).documents == (made,)


async def fill(documents: Documents, bodies: Mapping[str, Mapping[str, Any]]) -> None:
    await documents.put_many([Put(PEOPLE, key, body) for key, body in bodies.items()])


async def found(documents: Documents, condition: Condition) -> set[str]:
    return {one.id for one in (await documents.find(PEOPLE, Query((condition,)))).documents}


async def by_cursor(documents: Documents, query: Query) -> list[list[str]]:
    """The ids of all pages."""
    pages: list[list[str]] = []
    cursor = ""
    while not pages or cursor:
        page = await documents.find(PEOPLE, Query(query.where, query.sort, query.limit, cursor))
        pages.append([one.id for one in page.documents])
        cursor = page.next_cursor
    return pages
