"""The comparison of configurations on one clip, without Streamlit."""
