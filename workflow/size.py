"""The size of a run by the machine: what a profile has under `slow` holds where networks run in float32.

The chosen profile is kept as OUT/profile.yaml: a second call goes on with it, wherever its machine is, until
that file is removed or the profile changes.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from diffusion import runtime
from diffusion.files import sha256, write_bytes
from study.settings import Profile, read_profile, read_text
from workflow import jobs


def fitted(profile: Profile) -> Profile:
    """The profile with the settings that fit this machine; itself, where it has none for a slow one."""
    if not profile.file.slow:
        return profile
    path, text = jobs.folder(profile) / "profile.yaml", Path(profile.where).read_text("utf-8")
    of = f"# {profile.name} for this machine, of a file with the sha256 {sha256(text.encode())}"
    if not path.is_file() or path.read_text("utf-8").splitlines()[:1] != [of]:
        content = read_text(text, profile.where)
        slow = content.pop("slow")
        if runtime.resolve_precision("auto", runtime.device()) == "fp32":
            content = merged(content, slow)
            print(f"{profile.name}: this machine computes in float32, and gets the section slow", flush=True)
        if profile.text is not None:  # from another folder
            content["report"]["text"] = str(Path(profile.where).resolve().with_name(profile.options["text"]))
        write_bytes(path, f"{of}\n{yaml.safe_dump(content, sort_keys=False)}".encode())
    return read_profile(path, jobs.PROFILES)


def merged(content: Any, slow: Any) -> Any:
    """Sections with those of `slow` in place of their own, setting by setting."""
    if not isinstance(content, Mapping) or not isinstance(slow, Mapping):
        return slow
    return content | {name: merged(content.get(name), one) for name, one in slow.items()}
