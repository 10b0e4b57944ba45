"""The Prometheus metrics of the service."""

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
BATCHES = (1, 2, 4, 8, 16, 32, 64)
METHODS = ("GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS")


class Metrics:
    """Metrics of one service, in a registry of its own.

    Attributes:
      batch: histogram of the number of pictures in one call of the network.
    """

    def __init__(self):
        """Registers the metrics, all at zero."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._seconds = Histogram(
            "jaxhash_request_seconds",
            "Time from a request to the end of its response",
            ["route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._requests = Counter(
            "jaxhash_requests",
            "Requests by route, method and status",
            ["route", "method", "status"],
            registry=self._registry,
        )
        self.batch = Histogram(
            "jaxhash_batch_pictures",
            "Pictures in one call of the network",
            buckets=BATCHES,
            registry=self._registry,
        )

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Counts one request, and the seconds until the end of its response."""
        self._seconds.labels(route).observe(seconds)
        self._requests.labels(route, method if method in METHODS else "other", status).inc()

    def watch(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Adds a gauge whose value is read at each scrape."""
        Gauge(name, description, registry=self._registry).set_function(value)

    def text(self) -> str:
        """Returns all metrics in Prometheus' text format."""
        return generate_latest(self._registry).decode()
