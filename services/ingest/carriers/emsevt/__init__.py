"""UPU EMSEVT: `parser.py` says when customs stop the clock."""
