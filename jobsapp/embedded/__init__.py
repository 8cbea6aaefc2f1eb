"""Real servers from wheels, started as child processes. For `flask up` and for the tests."""
