"""Pictures as clips: which file is one, how its pixels become upright sRGB, and how several make a clip."""
