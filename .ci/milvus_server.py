"""Runs a Milvus server of one process for tests, until it is killed.

  python -m venv there && there/bin/pip install milvus==2.3.5
  there/bin/python .ci/milvus_server.py DATA

Prints its port when it is about to listen; it listens on all interfaces. It is old, and the last
that PyPI has for Linux.
"""

import sys

from milvus import MilvusServer, MilvusServerConfig

config = MilvusServerConfig(data_dir=sys.argv[1])
# On a busy machine it would take itself for dead after half a minute.
config.set("common.session.ttl", 600)
server = MilvusServer(config, wait_for_started=False)
server.start()
print(server.listen_port, flush=True)
sys.exit(server.server_proc.wait())
