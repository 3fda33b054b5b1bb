"""One id from an HTTP request over Kafka to the ledger, as the processes of the full run carry it."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient
from starlette.testclient import TestClient

from infra.auth import issue
from infra.clickhouse import open_server
from infra.event_store import utc_now
from infra.kafka import make_topics, opened, topic_of
from infra.local import clickhouse
from infra.local.kafka import Kafka
from infra.settings import Settings
from infra.telemetry import trace_of
from infra.watch import Watch, relay_part
from projections.projector import Projector
from projections.traces.reader import CausedEvent, Traces
from services.processes.suppliers import SuppliersProcess
from services.web import create_app
from tests.broker import delete, messages
from tests.infra.relaying import in_thread as relaying
from tests.projections.feeding import in_thread as feeding
from tests.promtool import Promtool

PATIENCE = 60
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TOPIC = topic_of("suppliers")


def awaited(traces: Traces) -> list[CausedEvent]:
    deadline = time.monotonic() + PATIENCE
    while not (found := [one for one in traces.events(TRACE) if one.ledger_rows]):
        assert time.monotonic() < deadline, "the event did not come to the ledger"
        time.sleep(0.05)
    return found


@pytest.mark.full
@pytest.mark.promtool
def test_one_id_leads_from_a_request_over_kafka_to_the_ledger(
    tmp_path: Path, broker: Kafka, run_promtool: Promtool
) -> None:
    with clickhouse.running(tmp_path / "clickhouse") as server:
        settings = Settings(home=tmp_path / "home", **server.settings("projector"))
        with closing(opened(KafkaAdminClient, broker.bootstrap)) as admin:
            if TOPIC in admin.list_topics():
                delete(broker, TOPIC)
        make_topics(broker.bootstrap, {"suppliers": 1})
        analytics = open_server(settings)
        Projector(analytics)
        with SuppliersProcess(settings, analytics, utc_now) as process:
            client = TestClient(create_app(process, ["suppliers"]))
            answer = client.post(
                "/api/v1/suppliers",
                json={"name": "Fournisseur"},
                headers={
                    "Authorization": f"Bearer {issue(settings, 'group-buyer', 'buyer-1')}",
                    "Idempotency-Key": str(uuid4()),
                    "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
                },
            )
            assert answer.status_code == 201, answer.text
            store = process.suppliers.store
            with relaying(store, broker.bootstrap) as relay, feeding(settings, broker.bootstrap, ["suppliers"]):
                caused = awaited(Traces(analytics))
                said = Watch("relay", [relay_part(relay)]).metrics()
            [message] = messages(broker, TOPIC)[0]
        assert trace_of(dict(message.headers)["traceparent"].decode()) == TRACE
        assert [str(one.stream_id) for one in caused] == [answer.json()["id"]]
        assert run_promtool("check", "metrics", given=said).returncode == 0
        assert b'groupement_lag_events{context="suppliers",lane="0",part="relay"} 0.0' in said
        assert b'groupement_projector_visible_seconds_count{context="suppliers"}' in said
        delete(broker, TOPIC)
