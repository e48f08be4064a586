"""What the dashboard serves beside Streamlit's pages, and to whom."""
