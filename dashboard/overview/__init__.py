"""The Overview without Streamlit: its table, ranking, words, files and report."""
