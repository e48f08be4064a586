"""What the dashboard serves beside Streamlit's pages, and who may see it."""
