"""What the generated network tells: its members, its agreements and what became of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal

import pytest

from services.demo.run import DemoSummary
from tests.demo.facts import SMALL, Facts


def test_64_establishments_of_which_18_centres_and_2_affiliates_on_22_sites(facts: Facts) -> None:
    joined = facts.of("membership.EstablishmentJoined")
    kinds = Counter(document["kind"] for document in joined)
    assert len(joined) == 64
    assert (kinds["clcc"], kinds["affiliate"]) == (18, 2)
    network = {d["establishment_id"] for d in joined if d["kind"] in ("clcc", "affiliate")}
    sites = facts.of("membership.SiteOpened")
    assert len(sites) == 22
    assert {site["establishment_id"] for site in sites} == network


def test_an_establishment_joins_within_the_years_and_orders_only_from_then_on(facts: Facts) -> None:
    late = [d for d in facts.of("membership.EstablishmentJoined") if d["joined_on"] > "2020"]
    assert [d["joined_on"] for d in late] == ["2021-09-01"]
    own = [d for d in facts.of("ordering.OrderSubmitted") if d["establishment_id"] == late[0]["establishment_id"]]
    assert own
    assert min(d["business_date"] for d in own) >= "2021-09-01"


def test_200_suppliers_are_rated_in_every_way(facts: Facts) -> None:
    suppliers = {d["supplier_id"] for d in facts.of("suppliers.SupplierRegistered")}
    declared = {d["rating_id"]: d for d in facts.of("suppliers.CsrRatingDeclared")}
    verified = {d["rating_id"] for d in facts.of("suppliers.CsrRatingVerified")}
    rejected = {d["rating_id"] for d in facts.of("suppliers.CsrRatingRejected")}
    assert len(suppliers) == 200
    assert suppliers - {d["supplier_id"] for d in declared.values()}, "some have no rating"
    unjudged = declared.keys() - verified - rejected
    assert any(declared[key]["published_on"] < "2022-06-01" for key in unjudged), "some were declared and never judged"
    assert rejected
    last: defaultdict[str, str] = defaultdict(str)
    for rating_id in verified:
        found = declared[rating_id]
        last[found["supplier_id"]] = max(last[found["supplier_id"]], found["expires_on"])
    ends = sorted(last.values())
    assert ends[0] < "2022-12-31" < ends[-1], "some have expired"
    assert any("2022-12-31" < end < "2023-03-01" for end in ends), "some are about to expire"


def test_the_agreements_of_the_story_are_signed_after_their_reference_prices_are_frozen(facts: Facts) -> None:
    signed = {d["agreement_id"]: d for d in facts.of("tendering.AgreementSigned")}
    titles = " ".join(d["title"] for d in signed.values())
    for word in (
        "radiothérapie, premier achat mutualisé", "Intelligence artificielle", "Biosimilaires d'anticorps monoclonaux",
        "Cybersécurité", "Médicaments de réanimation", "Imagerie lourde", "Produits de contraste", "usage unique",
        "Gants, masques", "Dosimétrie", "laboratoire", "Nutrition parentérale", "Électricité",
    ):  # fmt: skip
        assert word in titles
    for baseline in facts.of("tendering.BaselineSet"):
        assert baseline["recorded_at"] < signed[baseline["agreement_id"]]["recorded_at"]


def test_a_renewal_is_measured_against_the_last_contract_price(facts: Facts) -> None:
    signed = {d["reference"]: d for d in facts.of("tendering.AgreementSigned")}
    former, renewed = signed["DEMO-MED-REA-2020"], signed["DEMO-MED-REA-2021"]
    revised = {d["item"]: d["unit_price"] for d in facts.of("tendering.PriceRevised")
               if d["agreement_id"] == former["agreement_id"]}  # fmt: skip
    listed = {p["item"]: p for lot in former["lots"] for p in lot["prices"]}
    found = [d for d in facts.of("tendering.BaselineSet") if d["agreement_id"] == renewed["agreement_id"]]
    assert len(found) == len(listed)
    for baseline in found:
        last = Decimal(revised[baseline["item"]]) / Decimal(listed[baseline["item"]]["base_units"])
        assert baseline["method"] == "last-contract-price"
        assert Decimal(baseline["price"]) == last.quantize(Decimal("0.000001"))


def test_the_shock_of_2020_moves_prices_up_and_down_and_volumes_up(facts: Facts) -> None:
    agreement = next(d for d in facts.of("tendering.AgreementSigned") if d["reference"] == "DEMO-MED-REA-2020")
    prices = [
        (d["effective_on"], Decimal(d["unit_price"]) - Decimal(d["previous_price"]))
        for d in facts.of("tendering.PriceRevised")
        if d["agreement_id"] == agreement["agreement_id"]
    ]
    assert {day for day, change in prices if change > 0} == {"2020-04-15"}
    assert {day for day, change in prices if change < 0} == {"2020-09-15"}
    months: Counter[str] = Counter()
    for order in facts.of("ordering.OrderSubmitted"):
        if order["agreement_id"] == agreement["agreement_id"]:
            months[order["business_date"][:7]] += 1
    spring = sum(n for month, n in months.items() if "2020-03" <= month <= "2020-05")
    assert spring > sum(months.values()) / 2


def test_a_maximum_is_raised_by_an_amendment_that_orders_needed(facts: Facts) -> None:
    (amended,) = facts.of("tendering.AgreementAmended")
    reserved = [d for d in facts.of("ordering.CeilingReserved") if d["agreement_id"] == amended["agreement_id"]]
    before, after = Decimal(amended["previous_maximum"]), Decimal(amended["maximum"])
    assert amended["ground"] == "R2194-5"
    assert before < after <= before * Decimal("1.5")
    assert any(Decimal(d["reserved"]) > before for d in reserved)
    assert all(Decimal(d["reserved"]) <= before for d in reserved if d["recorded_at"] < amended["recorded_at"])


def test_some_maxima_are_nearly_used_and_one_to_the_cent(facts: Facts) -> None:
    percents = Counter(d["percent"] for d in facts.of("ordering.CeilingApproached"))
    assert percents[80] > percents[90] > percents[100] > 0
    (full,) = [d for d in facts.of("ordering.CeilingApproached") if d["percent"] == 100]
    assert full["reserved"] == full["maximum"]


def test_orders_beyond_an_internal_limit_are_decided_by_someone_else_or_still_wait(facts: Facts) -> None:
    asked = {d["order_id"]: d for d in facts.of("ordering.OrderSubmitted") if Decimal(d["excess"])}
    approved, rejected, withdrawn = (
        {d["order_id"]: d for d in facts.of(f"ordering.Order{name}")} for name in ("Approved", "Rejected", "Withdrawn")
    )
    assert approved
    assert approved.keys() | rejected.keys() | withdrawn.keys() <= asked.keys()
    for order_id, decided in (approved | rejected).items():
        assert decided["actor"] != asked[order_id]["actor"]
    waiting = asked.keys() - approved.keys() - rejected.keys() - withdrawn.keys()
    assert waiting
    assert min(asked[order_id]["business_date"] for order_id in waiting) > "2022-12-01"


def test_a_price_above_its_reference_is_a_negative_saving(facts: Facts) -> None:
    lines = [line for d in facts.of("ordering.InvoiceReceived") for line in d["lines"] if line["item"] == "CHIP-TIT"]
    assert lines
    assert {line["baseline_price"] for line in lines} == {"120"}
    assert all(Decimal(line["baseline_amount"]) < Decimal(line["amount"]) for line in lines)


def test_a_suspended_supplier_receives_no_order_until_it_is_reinstated(facts: Facts) -> None:
    (suspended,), (back,) = facts.of("suppliers.SupplierSuspended"), facts.of("suppliers.SupplierReinstated")
    assert suspended["supplier_id"] == back["supplier_id"]
    days = [d["business_date"] for d in facts.of("ordering.OrderSubmitted")
            if d["supplier_id"] == back["supplier_id"]]  # fmt: skip
    assert any(day < suspended["suspended_on"] for day in days)
    assert any(day >= back["reinstated_on"] for day in days)
    assert not any(suspended["suspended_on"] <= day < back["reinstated_on"] for day in days)


def test_documents_have_the_flaws_of_life(facts: Facts) -> None:
    credited = [line for d in facts.of("ordering.CreditNoteReceived") for line in d["lines"]]
    assert any(line["quantity"] == "0" and line["baseline_amount"] in ("0.00", None) for line in credited), "price only"
    assert any(line["quantity"] != "0" for line in credited), "goods that went back"
    assert facts.of("ordering.OrderLineReturned")
    assert facts.of("ordering.OrderCancelled")
    late = [d for d in facts.of("ordering.InvoiceReceived") if d["received_on"][:4] > d["business_date"][:4]]
    assert any(d["received_on"] > "2022-12-31" for d in late), "some invoices of the last year arrive after it"
    prices = [
        (Decimal(line["unit_price"]) * Decimal(line["quantity"]), Decimal(line["amount"]))
        for d in facts.of("ordering.InvoiceReceived")
        for line in d["lines"]
    ]
    assert any(billed > agreed for agreed, billed in prices), "some are billed above the price"
    assert all(billed >= agreed for agreed, billed in prices)


@pytest.mark.parametrize("seed", [7, 2024])
def test_the_summary_says_that_all_is_generated_and_counts_it(
    built: Callable[[int], tuple[DemoSummary, Facts]], seed: int
) -> None:
    summary, facts = built(seed)
    document = summary.document()
    assert document["generated"] is True
    assert document["seed"] == seed
    assert document["counts"]["orders"] == SMALL == len(facts.of("ordering.OrderSubmitted"))
    assert document["counts"]["invoices"] == len(facts.of("ordering.InvoiceReceived"))
    assert document["counts"]["adhesions"] == len(facts.of("membership.AdhesionGranted"))
    assert all(d["reference"].startswith("DEMO-") for d in facts.of("tendering.AgreementSigned"))
