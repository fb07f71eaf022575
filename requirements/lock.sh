#!/usr/bin/env bash
# Writes the locked requirements: one file per supported Airflow minor, one for the linters, one for
# the documentation, one for uv itself.
# An older minor resolved against today's index does not run (airflow.apache.org publishes constraints for that reason), so
# its dependencies are first resolved as of a day shortly after its release and then kept as constraints; only the
# providers, the AWS SDK and the openai SDK may be newer, because this package needs them to be.
set -euo pipefail
cd "$(dirname "$0")/.."
UV=${UV:-uv}
compile() { "$UV" pip compile --quiet --universal --python-version 3.10 --no-emit-index-url --no-header --upgrade "$@"; }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT

lock() { # minor, exact version, day of its dependencies ("" for today)
  local minor=$1 version=$2 day=$3 constraints=()
  if [ -n "$day" ]; then
    echo "apache-airflow==$version" > "$work/in.txt"
    compile --no-annotate --exclude-newer "$day" "$work/in.txt" -o "$work/all.txt"
    grep -v -i -E '^(apache-airflow-providers|boto|s3transfer|openai|typing-extensions|urllib3|pydantic)' "$work/all.txt" > "$work/$minor.txt"
    grep -i -E '^pydantic' "$work/all.txt" >> "$work/$minor.txt"
    constraints=(-c "$work/$minor.txt")
  fi
  echo "apache-airflow==$version" > "$work/pin.txt"
  compile --generate-hashes --no-annotate --extra emulator --extra datasets --extra graders --extra notifications --group test "${constraints[@]}" -c "$work/pin.txt" pyproject.toml -o "requirements/airflow-$minor.lock"
}
lock 3.1 3.1.8 2026-04-01
lock 3.2 3.2.2 2026-06-01
lock 3.3 3.3.2 ""
grep -E '^[a-z]' requirements/airflow-3.3.lock | sed 's/ \\$//' > "$work/runtime.txt"
compile --generate-hashes --no-annotate --group lint -c "$work/runtime.txt" -o requirements/lint.lock
compile --generate-hashes --no-annotate --group docs -c "$work/runtime.txt" -o requirements/docs.lock
echo uv > "$work/uv.in"
compile --generate-hashes --no-annotate "$work/uv.in" -o requirements/uv.lock
