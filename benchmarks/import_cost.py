"""What importing operators adds to ``airflow.sdk``: every one of ours, and the Amazon provider's Bedrock operators.

Run: ``python benchmarks/import_cost.py [ROUNDS]``. Every round starts a fresh interpreter per contestant, in turn; the
least CPU time of the rounds counts, since a garbage collection of Airflow's heap may land inside any of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile

MEASURE = """
import gc, json, resource, sys, time
from airflow.sdk import DAG, BaseHook, BaseOperator, BaseSensorOperator, task
import airflow.triggers.base
gc.collect()
gc.freeze()
before, memory = len(sys.modules), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.process_time()
{imports}
spent = time.process_time() - start
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
print(json.dumps({{"cpu_ms": spent * 1000, "modules": len(sys.modules) - before, "memory_kb": memory}}))
"""
CONTESTANTS = {
    "airflow_provider_bedrock_rft, all public names": (
        "import airflow_provider_bedrock_rft as package\nfor name in package.__all__: getattr(package, name)"
    ),
    "amazon provider, operators and sensors of Bedrock": (
        "import airflow.providers.amazon.aws.operators.bedrock, airflow.providers.amazon.aws.sensors.bedrock"
    ),
}


def measure(imports: str, environment: dict[str, str]) -> dict[str, float]:
    """One fresh interpreter."""
    program = MEASURE.format(imports=imports)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(n_rounds: int) -> None:
    """Print one line per contestant and their ratio."""
    with tempfile.TemporaryDirectory(prefix="rft-bench-") as home:
        environment = {**os.environ, "AIRFLOW_HOME": home, "PYTHONPYCACHEPREFIX": f"{home}/pycache"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in CONTESTANTS}
        for number in range(n_rounds + 1):
            for name, imports in CONTESTANTS.items():
                found = measure(imports, environment)
                if number:  # the first round compiles
                    runs[name].append(found)
    best = {name: min(found, key=lambda run: run["cpu_ms"]) for name, found in runs.items()}
    for name, run in best.items():
        print(f"{run['cpu_ms']:8.1f} ms  {run['modules']:5.0f} modules  {run['memory_kb'] / 1024:6.1f} MB  {name}")
    ours, theirs = best.values()
    print(f"ratio of CPU time: {theirs['cpu_ms'] / ours['cpu_ms']:.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
