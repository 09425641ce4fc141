"""What every room needs to leave a trace: hashes, atomic files, stat caches, records, a log."""

from slora_assets.provenance.files import (
    append_line,
    commit_folder,
    json_text,
    read_json,
    replacing,
    same_as,
    write_bytes,
    write_json,
    write_text,
    writing,
)
from slora_assets.provenance.hashing import (
    Json,
    canonical_json,
    canonical_rows,
    object_hash,
    sha256_bytes,
    sha256_file,
)
from slora_assets.provenance.stat_cache import StatCache, file_stamp, known_sha256

__all__ = [
    "Json",
    "StatCache",
    "append_line",
    "canonical_json",
    "canonical_rows",
    "commit_folder",
    "file_stamp",
    "json_text",
    "known_sha256",
    "object_hash",
    "read_json",
    "replacing",
    "same_as",
    "sha256_bytes",
    "sha256_file",
    "write_bytes",
    "write_json",
    "write_text",
    "writing",
]
