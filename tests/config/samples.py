"""Small configurations that tests vary."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from config.load import load_settings
from config.models.fields import FOLDER
from config.settings import Settings

FOLDER_PATH = Path("/etc/klantenregister")

TENANT: dict[str, Any] = {
    "peer_id": "00000001823288444000",
    "name": "Gemeente Voorbeeld",
    "slug": "voorbeeld",
    "certificates": [{"cert": "pki/voorbeeld.pem", "key": "pki/voorbeeld.key"}],
    "manager_address": "https://manager.voorbeeld.example.test:8443",
    "inway_address": "https://inway.voorbeeld.example.test:443",
}


def tenant(**changes: Any) -> dict[str, Any]:
    return deepcopy({**TENANT, **changes})


def other_tenant(**changes: Any) -> dict[str, Any]:
    return tenant(
        **{
            "peer_id": "00000001950428139000",
            "slug": "ander",
            "manager_address": "https://manager.ander.example.test:8443",
            "inway_address": "https://inway.ander.example.test:443",
            **changes,
        }
    )


def document(*tenants: dict[str, Any], group: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "group": {"id": "fsc.example.test", "trust_anchors": ["pki/root.pem"], **(group or {})},
        "tenants": list(tenants) or [tenant()],
    }
    return {**base, **changes}


def settings(*tenants: dict[str, Any], group: dict[str, Any] | None = None, **changes: Any) -> Settings:
    return Settings.model_validate(document(*tenants, group=group, **changes), context={FOLDER: FOLDER_PATH})


def write(folder: Path, content: str | dict[str, Any]) -> Path:
    """Write a configuration file; JSON is YAML."""
    path = folder / "klantenregister.yaml"
    path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False))
    return path


def load(folder: Path, content: str | dict[str, Any], **environ: str) -> Settings:
    return load_settings(write(folder, content), environ)
