"""The service on Ray Serve, on a cluster of this machine and a PostgreSQL of its own, as long as
the context lasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import pytest

from slora_assets.config.workspace import Workspace
from slora_assets_tests.postgresql import Server, free_port
from slora_assets_tests.processes.ray_cluster import ray_cluster

APPLICATION = "slora"
_TABLE = "SELECT owner FROM jobs WHERE id = %s"


@dataclass
class Deployed:
    """A running application."""

    url: str
    server: Server
    database: str

    def maker(self, job: str) -> psutil.Process:
        """The process that a job belongs to."""
        import psycopg

        address = self.server.url(self.database).replace("+psycopg", "")
        with psycopg.connect(address) as connection:
            row = connection.execute(_TABLE, [job]).fetchone()
        assert row is not None, job
        return psutil.Process(int(row[0].split()[-3]))


@contextmanager
def on_ray_serve(workspace: Workspace, server: Server, generators: int = 2) -> Iterator[Deployed]:
    """Generators compute on cores, with as many threads as this process."""
    pytest.importorskip("ray.serve")
    import ray
    import torch
    from ray import serve

    from api.ray_serve import application

    port, database = free_port(), server.new_database()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", str(torch.get_num_threads()))
        patch.setenv("SLORA_WORKSPACE", str(workspace.root))
        patch.setenv("SLORA_CONFIGS", str(workspace.configs))
        patch.setenv("SLORA_JOBS_URL", server.url(database))
        with ray_cluster() as nodes:
            nodes.add(2 + generators)
            ray.init(address=nodes.address, log_to_driver=False)
            try:
                serve.start(http_options={"host": "127.0.0.1", "port": port})
                args = {"generators": generators, "gpus": 0, "cpus": 1}
                serve.run(application(args), name=APPLICATION, route_prefix="/")
                yield Deployed(f"http://127.0.0.1:{port}", server, database)
                serve.shutdown()
            finally:
                ray.shutdown()
