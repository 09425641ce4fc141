"""Import me before anything imports torch: libraries are set as at the entry of a run."""

from slora_assets.processes.preloading import configure_libraries

configure_libraries()
