"""The report: proof-DATE.md for people, proof-DATE.json for programs. It does not say whose account it was."""

from __future__ import annotations

import json
import platform
import re
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.acts.claims import BROKEN, HELD, UNSEEN
from tools.program import table

if TYPE_CHECKING:
    from .proof import Proof

# What messages of AWS may contain: ARNs, URLs, addresses, account ids, keys, ids.
PRIVATE = re.compile(
    r"arn:[\w-]+:\S*|\w+://\S+|\b(\d{1,3}\.){3}\d{1,3}\b|\b([0-9a-f]{1,4}:){3,}[0-9a-f:]*|\b\d{12}\b|\bA[A-Z]{3}[A-Z0-9]{12,}\b|\b[0-9a-f-]{32,}\b"
)


def content(proof: Proof, cost: float) -> dict[str, Any]:
    verdicts = [verdict for verdict, _ in proof.outcome.values()]
    return {
        "date": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(proof.run.began)),
        "aws": f"an emulator, MiniStack {version('ministack')} with local/patches" if proof.run.account.endpoint else "an account",
        "region": proof.run.account.region,
        "versions": {**proof.versions, "boto3": version("boto3"), "python": platform.python_version()},
        "clients of each ending": proof.each,
        "long": proof.long,
        "minutes": round((time.time() - proof.run.began) / 60, 1),
        "cost at most, USD": round(cost, 2),
        "verdicts": {verdict: verdicts.count(verdict) for verdict in (HELD, BROKEN, UNSEEN)},
        "claims": [{"id": name, "says": proof.claims[name].says, "verdict": v, "seen": s} for name, (v, s) in proof.outcome.items()],
        "failed steps": proof.failed,
    }


def write(proof: Proof, cost: float, folder: Path) -> Path:
    """Write both files; returns the path of the one for people."""
    outputs = proof.run.outputs if proof.run.is_applied else {}
    whose = [proof.run.account.id, proof.run.account.arn, proof.run.id, outputs.get("websocket_api", {}).get("id")]
    cleaned = clean(content(proof, cost), [word for word in whose if word])
    name = time.strftime("proof-%Y-%m-%dT%H%MZ", time.gmtime(proof.run.began))
    (folder / f"{name}.json").write_text(json.dumps(cleaned, indent=2, ensure_ascii=False) + "\n")
    path = folder / f"{name}.md"
    path.write_text(markdown(cleaned))
    return path


def clean(value: Any, words: list[str]) -> Any:
    """The value without these words and without anything that identifies the account."""
    if isinstance(value, dict):
        return {clean(name, words): clean(inner, words) for name, inner in value.items()}
    if isinstance(value, list):
        return [clean(inner, words) for inner in value]
    if not isinstance(value, str):
        return value
    for word in words:
        value = value.replace(word, "…")
    return PRIVATE.sub("…", value)


def markdown(report: dict[str, Any]) -> str:
    counts = ", ".join(f"{number} {verdict}" for verdict, number in report["verdicts"].items())
    facts = ", ".join(f"{name} {value}" for name, value in report["versions"].items())
    long, cost = ", LONG" if report["long"] else "", f"{report['cost at most, USD']:.2f} USD"
    claims = [(claim["says"], claim["verdict"], claim["seen"]) for claim in report["claims"]]
    parts = [
        f"# Proof of {report['date']}: {counts}",
        f"On {report['aws']}, in {report['region']}; {facts}; {report['clients of each ending']} clients of each ending{long}; "
        f"{report['minutes']} min, at most {cost}. By `make prove`.",
        table(("claim", "verdict", "seen"), ((says, f"**{v}**" if v == BROKEN else v, _cell(seen)) for says, v, seen in claims)),
    ]
    if report["failed steps"]:
        parts += ["## Steps that failed", "\n".join(f"- {step}: {_cell(why)}" for step, why in report["failed steps"].items())]
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
