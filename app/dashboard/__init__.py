"""Server-rendered pages for operators and brands, over the same use cases as the API."""
