"""What ordering does with an event that it cannot take in: nothing of the same aggregate goes past it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from events.base import Event
from events.membership import EstablishmentJoined
from events.ordering import OrderSubmitted
from events.tendering import PriceRevised
from infra.dead_letters import LETTERS, NoSuchLetter, parked
from infra.log import Entry
from infra.settings import Settings
from services.ordering.app import Ordering, build
from services.ordering.inbox import BrokenChain, KnowledgeIncomplete, NotTaken
from services.ordering.reactions import adhesion_stream, terms_stream
from services.ordering.terms import Terms, evolve_adhesion, evolve_terms
from tests.scenario import NOW, Scenario
from tests.services.ordering.facts import (
    AGREEMENT,
    DAY,
    ESTABLISHMENT,
    LATER,
    adheres,
    recorded,
    revised,
    signed,
    submit,
    suspended,
    terminated,
)

OTHER_AGREEMENT = UUID(int=2)
AGGREGATE = {"tendering": "agreement_id", "membership": "establishment_id", "suppliers": "supplier_id"}
UNKNOWN_NAME = "tendering.AgreementPostponed.v1"


@pytest.fixture
def ordering(each_database: Settings) -> Iterator[Ordering]:
    service = build(each_database)
    yield service
    service.store.close()


def log_of(*facts: Event | tuple[Event, str], start: int = 0) -> list[Entry]:
    """A lane of a log with these events; a name beside one replaces its own."""
    entries: list[Entry] = []
    for fact in facts:
        event, name = fact if isinstance(fact, tuple) else (fact, fact.TOPIC)
        prev = entries[-1].pos if entries else start
        raw = event.stamped(uuid4(), NOW, "tester", "").model_dump_json().encode()
        stream = getattr(event, AGGREGATE[event.context()])
        entries.append(Entry(0, prev + 3, prev, stream, 1, name, NOW, raw))
    return entries


def take(ordering: Ordering, context: str, entries: list[Entry]) -> list[str]:
    """As the consumer does: what cannot be taken in is parked; the names of the letters."""
    while True:
        try:
            ordering.inbox.take(context, entries)
        except NotTaken as found:
            offset = entries.index(found.entry)
            ordering.inbox.park(parked(context, found.entry, offset, found.kind, found.reason))
        else:
            return list(ordering.inbox.letters().open)


def terms(ordering: Ordering, agreement_id: UUID = AGREEMENT) -> Terms | None:
    return ordering.store.state(terms_stream(agreement_id), evolve_terms)[0]


def newer(event: Event) -> tuple[Event, str]:
    return event, event.TOPIC.replace(".v1", ".v2")


def test_an_event_twice_or_late_changes_nothing(ordering: Ordering) -> None:
    entries = log_of(signed(), revised("11", DAY), recorded(OTHER_AGREEMENT))
    ordering.inbox.take("tendering", entries[:2])
    before = ordering.store.last_pos()
    for again in (entries[:2], entries[:1], entries[1:2], [entries[1], entries[0]]):
        ordering.inbox.take("tendering", again)
    assert (ordering.store.last_pos(), ordering.noted_pos("tendering", 0)) == (before, 6)
    ordering.inbox.take("tendering", entries)
    assert ordering.noted_pos("tendering", 0) == 9


def test_events_of_two_contexts_lead_to_the_same_in_any_order(ordering: Ordering) -> None:
    ordering.inbox.take("suppliers", log_of(suspended(LATER)))
    ordering.inbox.take("membership", log_of(adheres()))
    ordering.inbox.take("tendering", log_of(signed()))
    Scenario(ordering).when(submit("1")).only(OrderSubmitted)


def test_nothing_goes_past_a_hole_and_what_came_before_it_is_taken_in(ordering: Ordering) -> None:
    entries = log_of(signed(), revised("11", DAY), terminated(LATER))
    with pytest.raises(BrokenChain, match="position 9 follows 6, ordering stands at 3"):
        ordering.inbox.take("tendering", [entries[0], entries[2]])
    assert ordering.noted_pos("tendering", 0) == 3
    assert terms(ordering).valid_to != LATER  # type: ignore[union-attr]


def test_a_newer_version_is_parked_and_the_lane_goes_on_without_its_aggregate(ordering: Ordering) -> None:
    entries = log_of(signed(), newer(revised("11", DAY)), recorded(OTHER_AGREEMENT), terminated(LATER))
    assert take(ordering, "tendering", entries) == ["tendering/0/6", "tendering/0/12"]
    first, second = ordering.inbox.letters().open.values()
    assert (first.kind, second.kind) == ("newer", "behind")
    assert "install a newer one" in first.reason
    assert first.entry == entries[1]
    assert "tendering/0/6" in second.reason
    assert ordering.noted_pos("tendering", 0) == 12
    assert terms(ordering, OTHER_AGREEMENT) is not None
    assert terms(ordering).valid_to != LATER, "what follows the letter waits, so that the order stays"  # type: ignore[union-attr]


@pytest.mark.parametrize("raw", [b"", b"\xff\x00", b"{}", b'{"agreement_id":1}'])
def test_bytes_that_are_no_event_are_parked_as_they_are(ordering: Ordering, raw: bytes) -> None:
    (entry,) = log_of(signed())
    assert take(ordering, "tendering", [replace(entry, raw=raw)]) == ["tendering/0/3"]
    (letter,) = ordering.inbox.letters().open.values()
    assert (letter.kind, letter.raw) == ("unreadable", raw)


def test_an_event_that_the_code_fails_on_is_parked_and_leaves_nothing_behind(ordering: Ordering) -> None:
    entries = log_of(signed(), revised("11", DAY, item="NO-SUCH-ITEM"))
    assert take(ordering, "tendering", entries) == ["tendering/0/6"]
    (letter,) = ordering.inbox.letters().open.values()
    assert (letter.kind, letter.reason) == ("defect", "KeyError: 'NO-SUCH-ITEM'")
    assert len(ordering.store.events(terms_stream(AGREEMENT))) == 1


def test_a_name_that_this_code_has_never_heard_of_is_parked(ordering: Ordering) -> None:
    entries = log_of(signed(), (terminated(LATER), UNKNOWN_NAME))
    assert take(ordering, "tendering", entries) == ["tendering/0/6"]


def test_an_event_that_ordering_has_no_use_for_is_passed_by(ordering: Ordering) -> None:
    joined = EstablishmentJoined(establishment_id=ESTABLISHMENT, name="Centre", kind="clcc", joined_on=DAY)
    assert take(ordering, "membership", log_of(joined, newer(joined))) == []
    assert ordering.noted_pos("membership", 0) == 6


@pytest.mark.parametrize(
    ("context", "entries"),
    [
        ("tendering", log_of(newer(terminated(LATER)), start=3)),
        ("membership", log_of(newer(adheres()), start=3)),
        ("suppliers", log_of(newer(suspended(LATER)))),
    ],
)
def test_no_order_is_accepted_on_what_could_not_be_read(ordering: Ordering, context: str, entries: list[Entry]) -> None:
    scenario = Scenario(ordering).given(signed(), adheres())
    assert ordering.noted_pos("tendering", 0) == ordering.noted_pos("membership", 0) == 1
    letters = take(
        ordering, context, [replace(one, pos=one.pos + 1, prev=int(context != "suppliers")) for one in entries]
    )
    scenario.when(submit("1")).then_refused(KnowledgeIncomplete, saying=letters[0])


def test_orders_under_another_agreement_are_accepted_meanwhile(ordering: Ordering) -> None:
    scenario = Scenario(ordering).given(signed(), adheres())
    entries = log_of(signed(agreement_id=OTHER_AGREEMENT), newer(recorded(OTHER_AGREEMENT)), start=1)
    assert take(ordering, "tendering", entries)
    scenario.when(submit("1")).only(OrderSubmitted)


def test_a_letter_is_taken_in_once_the_code_can_read_it_in_the_order_of_its_aggregate(
    ordering: Ordering, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = log_of(signed(), newer(revised("11", DAY)), revised("12", DAY, previous="11"), recorded(OTHER_AGREEMENT))
    take(ordering, "tendering", entries)
    still = ordering.inbox.retry()
    assert [(one.letter.name, one.is_settled) for one in still] == [("tendering/0/6", False), ("tendering/0/9", False)]
    assert still[1].answer == "waits for the one before"
    with monkeypatch.context() as installed:
        understand_v2(installed)
        settled = ordering.inbox.retry("tendering/0/9")
        assert [(one.letter.name, one.answer) for one in settled] == [
            ("tendering/0/6", "taken in"), ("tendering/0/9", "taken in"),
        ]  # fmt: skip
        assert ordering.inbox.letters().open == {}
        prices = terms(ordering).lots[UUID(int=11)].prices["GLOVES"]  # type: ignore[union-attr]
        assert [str(price) for _, price in prices] == ["10", "11", "12"]
        assert take(ordering, "tendering", entries) == [], "delivered again, they change nothing"
        assert take(ordering, "tendering", log_of(terminated(LATER), start=12)) == []
        assert terms(ordering).valid_to == LATER  # type: ignore[union-attr]


def understand_v2(patch: pytest.MonkeyPatch) -> None:
    """As code would that knows a second version of the price revision, with the same fields."""
    patch.setattr(PriceRevised, "TOPIC", PriceRevised.TOPIC.replace(".v1", ".v2"))
    patch.setattr(PriceRevised, "UPCASTS", {1: lambda document: document})


def test_a_letter_that_waits_behind_one_that_was_settled_meanwhile_is_not_parked(
    ordering: Ordering, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = log_of(signed(), newer(revised("11", DAY)), terminated(LATER))
    take(ordering, "tendering", entries[:2])
    with pytest.raises(NotTaken) as found:
        ordering.inbox.take("tendering", entries)
    with monkeypatch.context() as installed:
        understand_v2(installed)
        ordering.inbox.retry()
        late = parked("tendering", entries[2], 2, found.value.kind, found.value.reason)
        ordering.inbox.park(late)
        assert ordering.inbox.letters().open == {}
        assert take(ordering, "tendering", entries) == []
        assert terms(ordering).valid_to == LATER  # type: ignore[union-attr]


def test_a_letter_is_parked_once(ordering: Ordering) -> None:
    (entry,) = log_of(newer(signed()))
    letter = parked("tendering", entry, 0, "newer", "too old")
    for _ in range(3):
        ordering.inbox.park(letter)
    assert len(ordering.store.events(LETTERS)) == 1
    assert ordering.noted_pos("tendering", 0) == 3


def test_a_letter_is_not_parked_past_a_hole(ordering: Ordering) -> None:
    *_, last = log_of(signed(), newer(signed()))
    with pytest.raises(BrokenChain):
        ordering.inbox.park(parked("tendering", last, 0, "newer", "too old"))
    assert ordering.noted_pos("tendering", 0) == 0


def test_a_letter_that_does_not_exist_is_refused(ordering: Ordering) -> None:
    with pytest.raises(NoSuchLetter, match="tendering/0/1"):
        ordering.inbox.retry("tendering/0/1")


def test_what_ordering_keeps_of_a_letter_survives_the_process(ordering: Ordering, each_database: Settings) -> None:
    (entry,) = log_of(newer(adheres()))
    take(ordering, "membership", [replace(entry, raw=b"\x00\xff")])
    again = build(each_database)
    assert again.inbox.letters().open["membership/0/3"].raw == b"\x00\xff"
    assert again.store.state(adhesion_stream(ESTABLISHMENT, AGREEMENT), evolve_adhesion)[0] is None
    again.store.close()
