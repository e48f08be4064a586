"""Predictions and ground truth computed elsewhere: read from the field's formats, judged, matched to a clip's frames, stored; and
stored values written in those formats again."""
