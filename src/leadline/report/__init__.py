"""The JSON document of a result, and its forms: text, HTML, CSV, JUnit. Knows values only."""
