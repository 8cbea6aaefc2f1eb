"""Forms made from the input models of job types."""
