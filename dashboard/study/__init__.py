"""The data of the Study page, without Streamlit: what a store knows of energy and error, its statistics, and their charts."""
