"""What the three services' HTTP sides share: problems, keys, health, lists."""
