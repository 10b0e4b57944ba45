#!/usr/bin/env bash
# Trains one config on a TPU VM of one host (v5litepod-8, say), which is created if need be.
#
#   ZONE=us-central1-a TYPE=v5litepod-8 launch/tpu_vm.sh NAME \
#     --config=configs/dhida.py --workdir=gs://bucket/runs/a
#
# Run again, it uses the TPU of that name and continues. To delete it, or it is billed further:
#   gcloud compute tpus tpu-vm delete NAME --zone="$ZONE"
set -euo pipefail
if (($# < 2)); then
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
name=$1 arguments=$(printf '%q ' "${@:2}")
zone=(--zone="${ZONE:?}")
gcloud compute tpus tpu-vm describe "$name" "${zone[@]}" >/dev/null 2>&1 ||
  gcloud compute tpus tpu-vm create "$name" "${zone[@]}" \
    --accelerator-type="${TYPE:?}" --version="${VERSION:-v2-alpha-tpuv5-lite}"
git archive --format=tar.gz --output=/tmp/jaxhash.tar.gz HEAD
gcloud compute tpus tpu-vm scp /tmp/jaxhash.tar.gz "$name:" "${zone[@]}"
gcloud compute tpus tpu-vm ssh "$name" "${zone[@]}" --command="
  set -e
  mkdir -p jaxhash && tar -xzf jaxhash.tar.gz -C jaxhash && cd jaxhash
  ${PYTHON:-python3.11} -m venv ~/venv && ~/venv/bin/pip install -q '.[tpu,gcs]'
  ~/venv/bin/python -m jaxhash.main $arguments"
