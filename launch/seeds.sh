#!/usr/bin/env bash
# Trains one config with several seeds, one after another, and prints each run's mAP.
#
#   launch/seeds.sh 3 runs/dhida --config=configs/dhida.py:bits=48 [--config.NAME=VALUE ...]
#
# Runs land in runs/dhida/seed-0, seed-1, ... Started again, it goes on where it was: finished runs
# are skipped, the one that was cut resumes.
set -euo pipefail
if (($# < 3)); then
  sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
seeds=$1 folder=$2
shift 2
for ((seed = 0; seed < seeds; seed++)); do
  python -m jaxhash.main "$@" --config.seed="$seed" --workdir="$folder/seed-$seed"
done
python - "$folder" <<'EOF'
import json, statistics, sys
from pathlib import Path
found = sorted(Path(sys.argv[1]).glob("seed-*/results.json"))
values = [json.loads(path.read_text())["map"] for path in found]
spread = statistics.stdev(values) if len(values) > 1 else 0.0
print(f"\nmAP over {len(values)} seeds: {statistics.mean(values):.4f} +- {spread:.4f}")
EOF
