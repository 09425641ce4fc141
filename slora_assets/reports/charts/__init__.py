"""Charts as marks with places; the page's template draws them as SVG, its style sheet colours
them."""
