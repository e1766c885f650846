"""What an episode is: its spaces, its seed, its arrays, and the file of recorded attempts."""
