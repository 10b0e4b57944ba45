#!/usr/bin/env bash
# One run on two processes of two CPU devices each, on this machine: a demonstration of a cluster, with
# the same code and real sockets.
#
#   launch/local_two.sh --config=configs/quickstart.py [--workdir=runs/two] [--config.NAME=VALUE ...]
#
# Started again with the same arguments, it continues. Ctrl-C stops both at the same step.
set -euo pipefail
if (($# < 1)); then
  sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
export JAX_PLATFORMS=cpu XLA_FLAGS=--xla_force_host_platform_device_count=2
port=${PORT:-$(python -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')}
for process in 0 1; do
  python -m jaxhash.main "$@" \
    --coordinator="127.0.0.1:$port" --num_processes=2 --process_id="$process" &
  processes+=($!)
done
trap 'kill -TERM "${processes[@]}" 2>/dev/null || true' TERM
trap '' INT # a terminal sends it to both anyway
failed=0
for process in "${processes[@]}"; do
  while kill -0 "$process" 2>/dev/null; do wait "$process" && break || failed=$?; done
done
exit "$failed"
