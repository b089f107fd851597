"""What people who keep their billing as code with other tools complain of, and the answer here: a test for each."""
