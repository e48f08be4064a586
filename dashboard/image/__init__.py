"""What the Image page shows of a picture, without Streamlit."""
