"""Small synthetic studies for demonstrations and tests, and the generator that makes them."""
