"""What pages have in common: their style, and plots as inline SVG."""
