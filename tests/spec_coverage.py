"""Which rows of the feature table the tests show: `make spec-coverage`.

Reads build/results/*.json, written by `make test`, and writes build/spec-coverage.json: `shown`
(row -> tests), `not_meaningful` (row -> why no test can show it here), `missing` (rows). A test
shows its rows only if it passed on every Python on which it ran. Without results the rows are what
the tests claim, and the report says so.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

TOP = Path(__file__).parents[1]
ROWS_FILE = TOP / "tests" / "spec_rows.json"
REASONS_FILE = TOP / "tests" / "spec_not_meaningful.json"
RESULTS = TOP / "build" / "results"  # one file per run of pytest; no test is in two of them
COVERAGE_FILE = TOP / "build" / "spec-coverage.json"

FAMILIES = {"V": "VoIP device", "X": "X-P2P", "M": "MRTC", "S": "security, console"}

# One result: {"rows": ["V-17"], "outcome": "passed"}; outcomes: passed failed skipped claimed.
Results = dict[str, dict]


def shown_rows(results: Results) -> dict[str, list[str]]:
    """Row -> tests that show it, from {test id: result} of one run."""
    outcomes: dict[str, set[str]] = {}
    rows: dict[str, set[str]] = {}
    for test_id, result in results.items():
        # One test runs on several Pythons or with several parameters: "file::name[micropython32]".
        test = test_id.split("[")[0]
        outcomes.setdefault(test, set()).add(result["outcome"])
        rows.setdefault(test, set()).update(result["rows"])
    shown: dict[str, list[str]] = {}
    for test in sorted(rows):
        good = outcomes[test] - {"skipped"}
        if good and good <= {"passed", "claimed"}:
            for row in rows[test]:
                shown.setdefault(row, []).append(test)
    return shown


def write_report(results: Results) -> list[str]:
    """Write build/spec-coverage.json and return the lines of a small table."""
    all_rows = json.loads(ROWS_FILE.read_text(encoding="utf-8"))
    reasons = json.loads(REASONS_FILE.read_text(encoding="utf-8"))
    shown = shown_rows(results)
    claimed = any(result["outcome"] == "claimed" for result in results.values())
    report = {
        "basis": "claims, nothing was run" if claimed else "tests that passed in the last run",
        "shown": {row: shown[row] for row in all_rows if row in shown},
        "not_meaningful": {row: reasons[row] for row in all_rows if row in reasons},
        "missing": [row for row in all_rows if row not in shown and row not in reasons],
    }
    COVERAGE_FILE.parent.mkdir(exist_ok=True)
    text = json.dumps(report, indent=1, ensure_ascii=False)
    COVERAGE_FILE.write_text(text + "\n", encoding="utf-8")
    outcomes = Counter(result["outcome"] for result in results.values())
    lines = ["tests: " + ", ".join(f"{n} {outcome}" for outcome, n in outcomes.most_common())]
    lines += [f"feature table, rows shown ({report['basis']}):"]
    for letter, title in FAMILIES.items():
        family = [row for row in all_rows if row.startswith(letter)]
        done = sum(row in shown for row in family)
        lines.append(f"  {letter}  {title:<18} {done:>4} of {len(family)}")
    lines.append(f"     {'all':<18} {len(report['shown']):>4} of {len(all_rows)}")
    lines += [f"not meaningful: {row}, {reason}" for row, reason in reasons.items()]
    return lines


def claims() -> Results:
    """What every test claims to show, from a collection without a run."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "claims.json")
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", f"--results={file}"]
        collected = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
        if collected.returncode:
            sys.exit(collected.stdout[-3000:] + collected.stderr[-3000:])
        return json.loads(file.read_text(encoding="utf-8"))


def main() -> None:
    """Report on the last `make test`; without one, on what the tests claim."""
    files = sorted(RESULTS.glob("*.json"))
    results = claims() if not files else {}
    for file in files:
        results |= json.loads(file.read_text(encoding="utf-8"))
    if not results:
        sys.exit("The last run had no test to run: see what ARGS chose.")
    print("\n".join(write_report(results)))


if __name__ == "__main__":
    main()
