"""One queue and one worker process for each model: what is asked, in batches, and answers that are not lost."""
