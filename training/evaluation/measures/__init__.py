"""The measures of a zoo: weights, merges, expected errors and rankings, fitted on validation rooms and judged on test rooms."""
