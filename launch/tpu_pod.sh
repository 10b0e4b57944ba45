#!/usr/bin/env bash
# Trains one config on a TPU pod slice of many hosts (v5litepod-64, say), which must exist.
#
#   ZONE=us-central1-a DATA=gs://bucket/tfds launch/tpu_pod.sh NAME \
#     --config=configs/dhida.py --workdir=gs://bucket/runs/a --config.data.dir=~/tfds
#
# The hosts share no disk: the workdir is in a bucket, and DATA is copied to ~/tfds of each. Started
# again, the run continues. If one host dies, all end within --lost_after seconds.
set -euo pipefail
if (($# < 2)); then
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
name=$1 arguments=$(printf '%q ' "${@:2}")
all=(--zone="${ZONE:?}" --worker=all)
git archive --format=tar.gz --output=/tmp/jaxhash.tar.gz HEAD
gcloud compute tpus tpu-vm scp /tmp/jaxhash.tar.gz "$name:" "${all[@]}"
gcloud compute tpus tpu-vm ssh "$name" "${all[@]}" --command="
  set -e
  mkdir -p jaxhash ~/tfds && tar -xzf jaxhash.tar.gz -C jaxhash && cd jaxhash
  [ -z '${DATA:-}' ] || gcloud storage rsync -r '${DATA:-}' ~/tfds
  ${PYTHON:-python3.11} -m venv ~/venv && ~/venv/bin/pip install -q '.[tpu,gcs]'
  ~/venv/bin/python -m jaxhash.main $arguments --coordinator=auto"
