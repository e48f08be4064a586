"""Who looks at the page, and what each visitor may see and ask for."""
