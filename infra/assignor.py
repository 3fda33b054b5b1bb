"""Who of a Kafka group reads what: all partitions of a topic go to one member, so that one writes for a context."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata


class WholeTopics(AbstractPartitionAssignor):  # type: ignore[misc]
    """Topics in turn to the members that ask for them; whoever gets none waits until a member is gone."""

    name = "whole-topics"
    version = 0

    @classmethod
    def assign(
        cls, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """For each member its topics, with all of their partitions."""
        given: dict[str, list[tuple[str, list[int]]]] = defaultdict(list)
        for topic in sorted({topic for member in members.values() for topic in member.subscription}):
            asking = [name for name, member in members.items() if topic in member.subscription]
            least_busy = min(asking, key=lambda name: (len(given[name]), name))
            given[least_busy].append((topic, sorted(cluster.partitions_for_topic(topic) or ())))
        return {name: ConsumerProtocolMemberAssignment(cls.version, given[name], b"") for name in members}

    @classmethod
    def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """What a member says of itself when it joins."""
        return ConsumerProtocolMemberMetadata(cls.version, list(topics), b"")

    @classmethod
    def on_assignment(cls, assignment: ConsumerProtocolMemberAssignment) -> None:
        """Nothing: the next assignment does not depend on this one."""
