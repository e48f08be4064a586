"""What is compared: the clip, the configurations and their panes, from a link and from the menus, without Streamlit's widgets."""
