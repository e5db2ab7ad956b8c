"""What Prometheus is told of the database: what waits, what is in force, what has been filed."""
