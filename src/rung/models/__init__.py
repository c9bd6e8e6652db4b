"""The shelf of models: providers of chat models and embedders behind the ports of `base`."""

import os

# With AMX tiles an answer depends on the company it is computed in: in a mixed batch 14 of 40
# differed from those alone, without it at most 2 (tests/models/test_local_engine.py, -k mixed).
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")
